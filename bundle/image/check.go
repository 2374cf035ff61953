package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Check makes the image of dir again, without the cache, and compares the two;
// before that it looks whether each blob of dir is there, and what its name says.
// Nothing of dir is changed. It returns errDiffers if they differ, and errHalf.
func Check(ctx context.Context, dir, temp string, in Input, o Options) (r Result, err error) {
	was, err := manifestOf(dir)
	if err == nil {
		err = whole(filepath.Join(dir, v1.ImageBlobsDir, string(digest.SHA256)), was)
	}
	if err != nil {
		return Result{}, fmt.Errorf("image %q: %w", dir, err)
	}
	tmp, remove, err := temporary(temp, inTemp)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	o.Cache = ""
	if r, err = until(ctx, tmp, in, o); err != nil {
		return Result{}, fmt.Errorf("image %q: %w", dir, err)
	}
	if r.Digest != was {
		return r, fmt.Errorf("image %q: %w: its digest is %s, and was %s", dir, errDiffers, r.Digest, was)
	}
	return r, nil
}

// whole: each blob has the digest that is its name, and all that the manifest names
// are there.
func whole(blobs string, manifest digest.Digest) error {
	entries, err := os.ReadDir(blobs)
	if err != nil {
		return missing(err)
	}
	for _, e := range entries {
		f, err := os.Open(filepath.Join(blobs, e.Name()))
		if err != nil {
			return err
		}
		d, err := digest.SHA256.FromReader(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		if d.Encoded() != e.Name() {
			return fmt.Errorf("%w: the blob %s is damaged", errDiffers, e.Name())
		}
	}
	text, err := os.ReadFile(filepath.Join(blobs, manifest.Encoded()))
	if err != nil {
		return missing(err)
	}
	var m v1.Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return fmt.Errorf("the manifest: %w", err)
	}
	for _, of := range append(m.Layers, m.Config) {
		if err := of.Digest.Validate(); err != nil {
			return fmt.Errorf("the manifest: %q: %w", of.Digest, err)
		}
		if _, err := os.Stat(filepath.Join(blobs, of.Digest.Encoded())); err != nil {
			return missing(err)
		}
	}
	return nil
}

func missing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w (%w)", errHalf, err)
	}
	return err
}

// manifestOf is the digest of the one manifest of a layout.
func manifestOf(dir string) (digest.Digest, error) {
	text, err := os.ReadFile(filepath.Join(dir, v1.ImageIndexFile))
	if err != nil {
		return "", missing(err)
	}
	var index v1.Index
	if err := json.Unmarshal(text, &index); err != nil {
		return "", fmt.Errorf("%s: %w", v1.ImageIndexFile, err)
	}
	if len(index.Manifests) != 1 {
		return "", fmt.Errorf("%s has %d manifests, not one", v1.ImageIndexFile, len(index.Manifests))
	}
	d := index.Manifests[0].Digest
	if err := d.Validate(); err != nil {
		return "", fmt.Errorf("%s: %q: %w", v1.ImageIndexFile, d, err)
	}
	return d, nil
}
