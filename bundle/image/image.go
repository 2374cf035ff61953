package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// Input is what an image follows from.
type Input struct {
	// Jail has the rootfs, and in its process the program, the variables, the
	// folder and the ids. Its mounts are not part of the image.
	Jail *contract.Jail
	// Init is the host path of the program that is contract.InitPath inside.
	Init string
	// Paths are the store paths of the closure, in any order.
	Paths []string
	// Root is the folder that has the store below it; empty for the host's own.
	Root string
	// Folders of the agent's own, with its ids: its home and its project.
	Folders []string
	// Lock is the file of the project's lock; empty for none. Where it pins layers of
	// this closure, an image with others is refused.
	Lock string
	// Labels of the image, as in image-spec, annotations.md.
	Labels map[string]string
	// Name is the tag in the layout's index; empty for none.
	Name string
}

// Options say how an image is written.
type Options struct {
	// Compression is Zstd, Gzip or None.
	Compression string
	// Cache keeps compressed layers between two images; empty for none.
	Cache string
	// Progress is told how many bytes of all are read; nil for nobody.
	Progress func(done, total int64)
}

// Result is what was written.
type Result struct {
	// Digest is that of the manifest: the image's name.
	Digest digest.Digest `json:"digest"`
	// Layers, and how many of them came from the cache.
	Layers int `json:"layers"`
	Reused int `json:"reused"`
	// Bytes of all layers as they are stored.
	Bytes int64 `json:"bytes"`
	// DiffIDs are the digests of the layers before compression, which do not
	// depend on the version of a compressor.
	DiffIDs []digest.Digest `json:"diffIds"`
}

// errDiffers is returned by Check where an image is not what its inputs give.
var errDiffers = errors.New("the image is not what it is made of now")

// errHalf is returned by Check where a part of an image is missing, as a pull leaves it
// that ended in the middle.
var errHalf = errors.New("it is not whole: fetch it again, or write it again")

// errPinned is returned where a layer is another one than the lock has.
var errPinned = errors.New("it is not the one that is locked")

// errExists is returned by Write where something else than an image is there.
var errExists = errors.New("exists already and is no image layout")

// Write writes an image layout into the folder dir, which must not exist, be
// empty, or hold a layout that is replaced. It appears at once and complete;
// after an error all is as before.
func Write(ctx context.Context, dir string, in Input, o Options) (r Result, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return Result{}, fmt.Errorf("image %q: %w", dir, err)
	}
	if err := replaceable(dir); err != nil {
		return Result{}, fmt.Errorf("image %q: %w", dir, err)
	}
	err = fresh(dir, func(tmp string) error {
		r, err = until(ctx, tmp, in, o)
		return err
	})
	if err != nil {
		return Result{}, fmt.Errorf("image %q: %w", dir, err)
	}
	return r, nil
}

// writeArchive writes the layout as one tar stream, which skopeo and podman
// call oci-archive. The layers wait below temp until all are there, and have no name
// any more when the first is written: whoever reads may end this process.
func writeArchive(ctx context.Context, w io.Writer, temp string, in Input, o Options) (r Result, err error) {
	tmp, remove, err := temporary(temp, inTemp)
	if err != nil {
		return Result{}, err
	}
	var files []archived
	if r, err = until(ctx, tmp, in, o); err == nil {
		files, err = opened(tmp)
	}
	defer func() { err = errors.Join(err, closed(files)) }()
	if err = errors.Join(err, remove()); err != nil {
		return Result{}, fmt.Errorf("image: %w", err)
	}
	return r, archive(w, files)
}

// inTemp is how the names of temporary folders begin.
const inTemp = "jailed-claude-image-"

// layout fills an empty folder.
func layout(ctx context.Context, dir string, in Input, o Options) (Result, error) {
	c, err := compressorOf(o.Compression)
	if err != nil {
		return Result{}, err
	}
	blobs := filepath.Join(dir, v1.ImageBlobsDir, string(digest.SHA256))
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return Result{}, err
	}
	plan, err := planned(in)
	if err != nil {
		return Result{}, err
	}
	b := builder{dir: blobs, compressor: c, cache: cache{dir: o.Cache, compressor: c.name}, progress: o.Progress}
	layers, err := b.build(ctx, plan)
	if err != nil {
		return Result{}, err
	}
	layers = ordered(layers)
	if err := pinned(in, layers); err != nil {
		return Result{}, err
	}
	r := Result{Layers: len(layers), Reused: b.reused}
	for _, l := range layers {
		r.Bytes += l.Size
		r.DiffIDs = append(r.DiffIDs, l.DiffID)
	}
	if r.Digest, err = describe(dir, blobs, in, c, layers); err != nil {
		return Result{}, err
	}
	b.cache.prune()
	return r, nil
}

// describe writes what is JSON in a layout: the configuration, the manifest,
// the index and the layout's version.
func describe(dir, blobs string, in Input, c compressor, layers []built) (digest.Digest, error) {
	p := in.Jail.Spec.Process
	config := v1.Image{
		Platform: v1.Platform{Architecture: runtime.GOARCH, OS: "linux"},
		Config: v1.ImageConfig{
			User: ids(p), Env: p.Env, WorkingDir: p.Cwd, Labels: in.Labels,
			Entrypoint: []string{contract.InitPath, "--"}, Cmd: command(p),
		},
		RootFS: v1.RootFS{Type: "layers"},
	}
	manifest := v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Annotations: in.Labels}
	for _, l := range layers {
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, l.DiffID)
		config.History = append(config.History, v1.History{CreatedBy: l.what})
		manifest.Layers = append(manifest.Layers, v1.Descriptor{MediaType: c.mediaType, Digest: l.Digest, Size: l.Size})
	}
	var err error
	if manifest.Config, err = blob(blobs, v1.MediaTypeImageConfig, config); err != nil {
		return "", err
	}
	root, err := blob(blobs, v1.MediaTypeImageManifest, manifest)
	if err != nil {
		return "", err
	}
	root.Platform = &config.Platform
	if in.Name != "" {
		root.Annotations = map[string]string{v1.AnnotationRefName: in.Name}
	}
	index := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{root}}
	for name, v := range map[string]any{v1.ImageIndexFile: index, v1.ImageLayoutFile: v1.ImageLayout{Version: v1.ImageLayoutVersion}} {
		text, err := json.Marshal(v)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil { //nolint:gosec // an image has no secrets
			return "", err
		}
	}
	return root.Digest, nil
}

// blob writes a document as a blob.
func blob(blobs, mediaType string, v any) (v1.Descriptor, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return v1.Descriptor{}, err
	}
	d := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(text), Size: int64(len(text))}
	return d, os.WriteFile(filepath.Join(blobs, d.Digest.Encoded()), text, 0o644) //nolint:gosec // an image has no secrets
}
