package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/storepath"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// storePath is a well-formed one, with a hash of the same letter.
func storePath(letter, name string) string {
	return storepath.Dir + "/" + strings.Repeat(letter, 32) + "-" + name
}

var (
	libc   = storePath("a", "libc-2.36")
	node   = storePath("b", "javascript-22")
	claude = storePath("c", "claude-2")
	tools  = storePath("d", "tools-1")
)

// store writes a store below a folder: claude needs node, which needs libc;
// tools is small.
func store(t *testing.T) Input {
	t.Helper()
	root := t.TempDir()
	write := func(p, content string, mode fs.FileMode) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(root+p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(root+p, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	filler := func(n int) string { return strings.Repeat("0123456789abcdef", n/16) }
	write(libc+"/lib/libc.so", filler(large), 0o755)
	// The reference lies where one piece of the file ends and the next begins.
	write(node+"/bin/node", filler(1 << 20)[:1<<20-20]+libc+"/lib/libc.so"+filler(1<<20), 0o755)
	write(claude+"/bin/claude", "#!"+node+"/bin/node\n"+filler(3<<20), 0o755)
	write(tools+"/share/text", "hello", 0o644)
	write(tools+"/"+strings.Repeat("n", 120), "long name", 0o644)
	if err := os.Symlink(libc+"/lib/libc.so", root+tools+"/link"); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(root, "init")
	write("/init", "PID 1", 0o755)
	return Input{
		Root: root, Init: program, Paths: []string{tools, libc, claude, node, libc}, Name: "latest",
		Folders: []string{"/home/agent"},
		Jail: &contract.Jail{
			Spec: &specs.Spec{Process: &specs.Process{
				Args: []string{contract.InitPath, "--uid=1000", "--gid=1000", "--", claude + "/bin/claude", "-p"}, Env: []string{"A=b"}, Cwd: "/home/agent",
			}},
			Rootfs: []contract.File{
				{Path: "/etc", Mode: fs.ModeDir | 0o755},
				{Path: "/etc/passwd", Mode: 0o644, Content: []byte("agent")},
				{Path: "/bin/sh", Mode: fs.ModeSymlink | 0o777, Target: tools + "/bin/sh"},
			},
		},
	}
}

// of is an image as a reader sees it.
type of struct {
	manifest v1.Manifest
	config   v1.Image
	layers   []map[string]*tar.Header
	text     map[string]string
}

func read(t *testing.T, dir string) (i of) {
	t.Helper()
	blobs := filepath.Join(dir, "blobs/sha256")
	name, err := manifestOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := whole(blobs, name); err != nil {
		t.Fatal(err)
	}
	decode := func(d digest.Digest, v any) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(blobs, d.Encoded()))
		if err == nil {
			err = json.Unmarshal(text, v)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	decode(name, &i.manifest)
	decode(i.manifest.Config.Digest, &i.config)
	i.text = map[string]string{}
	for n, l := range i.manifest.Layers {
		stored, err := os.ReadFile(filepath.Join(blobs, l.Digest.Encoded()))
		if err != nil || int64(len(stored)) != l.Size {
			t.Fatalf("%s has %d bytes: %v", l.Digest, len(stored), err)
		}
		plain := plainly(t, l.MediaType, stored)
		if d := digest.FromBytes(plain); d != i.config.RootFS.DiffIDs[n] {
			t.Errorf("layer %d is %s, its diff id is %s", n, d, i.config.RootFS.DiffIDs[n])
		}
		files := map[string]*tar.Header{}
		r := tar.NewReader(bytes.NewReader(plain))
		for {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if files[h.Name] != nil {
				t.Errorf("%s is in layer %d twice", h.Name, n)
			}
			files[h.Name] = h
			text, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			i.text[h.Name] = string(text)
		}
		i.layers = append(i.layers, files)
	}
	return i
}

func plainly(t *testing.T, mediaType string, stored []byte) []byte {
	t.Helper()
	var r io.Reader = bytes.NewReader(stored)
	var err error
	switch mediaType {
	case v1.MediaTypeImageLayerZstd:
		r, err = zstd.NewReader(r)
	case v1.MediaTypeImageLayerGzip:
		r, err = gzip.NewReader(r)
	case v1.MediaTypeImageLayer:
	default:
		t.Fatalf("media type %s", mediaType)
	}
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func write(t *testing.T, dir string, in Input, o Options) Result {
	t.Helper()
	r, err := Write(t.Context(), dir, in, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestContents(t *testing.T) {
	for _, compression := range Compressions {
		t.Run(compression, func(t *testing.T) {
			in, dir := store(t), filepath.Join(t.TempDir(), "image")
			r := write(t, dir, in, Options{Compression: compression})
			i := read(t, dir)
			var what []string
			for _, h := range i.config.History {
				what = append(what, h.CreatedBy)
			}
			// What much depends on comes first.
			if want := []string{libc, node, claude, "small store paths", contract.InitPath, "rootfs"}; !slices.Equal(what, want) {
				t.Errorf("the layers are %q, not %q", what, want)
			}
			if r.Layers != len(i.layers) || r.Reused != 0 {
				t.Errorf("%+v", r)
			}
			if c := i.config.Config; c.User != "1000:1000" || c.WorkingDir != "/home/agent" || !slices.Equal(c.Entrypoint, []string{contract.InitPath, "--"}) ||
				!slices.Equal(c.Cmd, []string{claude + "/bin/claude", "-p"}) || !slices.Equal(c.Env, []string{"A=b"}) {
				t.Errorf("%+v", c)
			}
			all := map[string]*tar.Header{}
			for _, l := range i.layers {
				maps.Copy(all, l)
			}
			for name, want := range map[string]struct {
				mode int64
				kind byte
				uid  int
			}{
				libc[1:] + "/lib/libc.so": {0o555, tar.TypeReg, 0},
				tools[1:] + "/share/text": {0o444, tar.TypeReg, 0},
				tools[1:] + "/share/":     {0o555, tar.TypeDir, 0},
				tools[1:] + "/link":       {0o777, tar.TypeSymlink, 0},
				"nix/store/":              {0o755, tar.TypeDir, 0},
				contract.InitPath[1:]:     {0o755, tar.TypeReg, 0},
				"etc/passwd":              {0o644, tar.TypeReg, 0},
				"bin/sh":                  {0o777, tar.TypeSymlink, 0},
				"tmp/":                    {0o1777, tar.TypeDir, 0},
				"home/agent/":             {0o755, tar.TypeDir, agentID},
				"proc/":                   {0o755, tar.TypeDir, 0},
				tools[1:] + "/" + strings.Repeat("n", 120): {0o444, tar.TypeReg, 0},
			} {
				h := all[name]
				if h == nil {
					t.Errorf("%s is missing", name)
					continue
				}
				if h.Mode != want.mode || h.Typeflag != want.kind || h.Uid != want.uid || h.Gid != want.uid || h.ModTime.Unix() != 1 || h.Uname != "" {
					t.Errorf("%s is %+v", name, h)
				}
			}
			if i.text["etc/passwd"] != "agent" || i.text[contract.InitPath[1:]] != "PID 1" || all[tools[1:]+"/link"].Linkname != libc+"/lib/libc.so" {
				t.Error("the contents are others")
			}
		})
	}
}

// TestSameBytes: who, when, where, how many processors, and in what state the
// store's file system is makes no difference.
func TestSameBytes(t *testing.T) {
	one, two := store(t), store(t)
	// Other modes, but for the owner's, other times, and files that nix-store
	// --optimise has linked.
	err := filepath.WalkDir(two.Root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		return errors.Join(os.Chtimes(p, time.Now(), time.Unix(1e9, 5)), os.Chmod(p, fi.Mode()&^0o077|0o011))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Link(two.Root+tools+"/share/text", two.Root+"/linked"); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(two.Paths)
	for _, compression := range Compressions {
		a := write(t, filepath.Join(t.TempDir(), "a"), one, Options{Compression: compression})
		before := runtime.GOMAXPROCS(1)
		b := write(t, filepath.Join(t.TempDir(), "b"), two, Options{Compression: compression})
		runtime.GOMAXPROCS(before)
		if a.Digest != b.Digest {
			t.Errorf("%s: %s and %s", compression, a.Digest, b.Digest)
		}
	}
	if err := os.Chmod(two.Root+tools+"/share/text", 0o755); err != nil {
		t.Fatal(err)
	}
	a, b := write(t, filepath.Join(t.TempDir(), "a"), one, Options{}), write(t, filepath.Join(t.TempDir(), "b"), two, Options{})
	if a.Digest == b.Digest {
		t.Error("an executable file makes no difference: the test tells nothing")
	}
}

func TestCache(t *testing.T) {
	in, o := store(t), Options{Cache: t.TempDir()}
	dir := filepath.Join(t.TempDir(), "image")
	first := write(t, dir, in, o)
	if r := write(t, dir, in, o); r.Reused != r.Layers || r.Digest != first.Digest {
		t.Errorf("nothing changed: %+v, not %+v", r, first)
	}
	read(t, dir)
	if r := write(t, dir, in, Options{Cache: o.Cache, Compression: Gzip}); r.Reused != 0 {
		t.Errorf("another compression: %+v", r)
	}
	read(t, dir)
	// One store path is another one, of which stat(2) says the same size and time.
	if err := rewrite(in.Root + node + "/bin/node"); err != nil {
		t.Fatal(err)
	}
	r := write(t, dir, in, o)
	if r.Reused != r.Layers-1 || r.Digest == first.Digest {
		t.Errorf("one path changed: %+v", r)
	}
	if i := read(t, dir); !strings.HasPrefix(i.text[node[1:]+"/bin/node"], "#!") {
		t.Error("the old file is in the new image")
	}
	// A damaged cache is no cache, in whichever half.
	for _, damage := range []struct{ blob, description string }{{"short", ""}, {"", "{}"}, {"", "{"}} {
		entries, err := os.ReadDir(o.Cache)
		if err != nil || len(entries) == 0 {
			t.Fatal(err, entries)
		}
		for _, e := range entries {
			text := damage.blob
			if strings.HasSuffix(e.Name(), ".json") {
				text = damage.description
				if text == "" {
					continue
				}
			}
			// Not in place: the image has the same file.
			file := filepath.Join(o.Cache, e.Name())
			if err := errors.Join(os.Remove(file), os.WriteFile(file, []byte(text), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		again := filepath.Join(t.TempDir(), "image")
		if got := write(t, again, in, o); got.Reused != 0 || got.Digest != r.Digest {
			t.Errorf("a damaged cache, %+v: %+v, not %+v", damage, got, r)
		}
		read(t, again)
	}
	old := time.Now().Add(-2 * keepFor)
	descriptions, _ := filepath.Glob(filepath.Join(o.Cache, "*.json"))
	for _, d := range descriptions {
		if err := os.Chtimes(d, old, old); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(t.TempDir(), "image"), in, o) // uses all of them
	if left, _ := filepath.Glob(filepath.Join(o.Cache, "*")); len(left) == 0 {
		t.Error("what is used is removed")
	}
	for _, d := range descriptions {
		_ = os.Chtimes(d, old, old) // some are gone
	}
	cache{dir: o.Cache}.prune()
	if left, _ := filepath.Glob(filepath.Join(o.Cache, "*")); len(left) != 0 {
		t.Errorf("unused and still there: %q", left)
	}
}

func TestCheck(t *testing.T) {
	in, dir := store(t), filepath.Join(t.TempDir(), "image")
	write(t, dir, in, Options{})
	if _, err := Check(t.Context(), dir, t.TempDir(), in, Options{}); err != nil {
		t.Fatal(err)
	}
	changed := in
	changed.Jail = &contract.Jail{Spec: in.Jail.Spec, Rootfs: in.Jail.Rootfs[:1]}
	if _, err := Check(t.Context(), dir, t.TempDir(), changed, Options{}); !errors.Is(err, errDiffers) {
		t.Errorf("another rootfs: %v", err)
	}
	// A cache in which one layer stands for another.
	o, other := Options{Cache: t.TempDir()}, filepath.Join(t.TempDir(), "image")
	write(t, other, in, o)
	cached, _ := filepath.Glob(filepath.Join(o.Cache, "*.json"))
	from, to := strings.TrimSuffix(cached[0], ".json"), strings.TrimSuffix(cached[1], ".json")
	if err := errors.Join(os.Remove(to), os.Remove(to+".json"), os.Link(from, to), os.Link(from+".json", to+".json")); err != nil {
		t.Fatal(err)
	}
	write(t, other, in, o)
	if _, err := Check(t.Context(), other, t.TempDir(), in, o); !errors.Is(err, errDiffers) {
		t.Errorf("an image of a wrong cache: %v", err)
	}
	// A bit of each blob, whatever it is of.
	blobs, _ := filepath.Glob(filepath.Join(dir, "blobs/sha256/*"))
	for _, b := range blobs {
		text, err := os.ReadFile(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, put := range [][]byte{slices.Concat(text[:len(text)/2], []byte{text[len(text)/2] ^ 1}, text[len(text)/2+1:]), append(slices.Clone(text), 'x'), text[1:]} {
			if err := os.WriteFile(b, put, 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := Check(t.Context(), dir, t.TempDir(), in, Options{}); !errors.Is(err, errDiffers) || !strings.Contains(err.Error(), "the blob "+filepath.Base(b)+" is damaged") {
				t.Errorf("a damaged blob: %v", err)
			}
		}
		if err := os.WriteFile(b, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Check(t.Context(), dir, t.TempDir(), in, Options{}); err != nil {
		t.Error(err)
	}
}

// TestNames: what an index or a manifest names is a digest, and the index names one
// manifest: names lead to files.
func TestNames(t *testing.T) {
	in := store(t)
	for name, c := range map[string]struct {
		file  string // of the layout; empty for the manifest
		spoil func(text, digest string) string
		says  string
	}{
		"no digest in the index": {v1.ImageIndexFile, func(text, d string) string { return strings.ReplaceAll(text, d, "sha256:../../"+v1.ImageIndexFile) }, v1.ImageIndexFile + `: "sha256:../..`},
		"two manifests": {v1.ImageIndexFile, func(text, _ string) string {
			return regexp.MustCompile(`"manifests":\[(.*)\]`).ReplaceAllString(text, `"manifests":[$1,$1]`)
		}, "2 manifests, not one"},
		"another manifest of the index": {v1.ImageIndexFile, func(text, d string) string { return strings.ReplaceAll(text, d, digest.FromString("x").String()) }, errHalf.Error()},
		"no digest in the manifest":     {"", func(text, d string) string { return strings.ReplaceAll(text, d, "sha256:../../"+v1.ImageIndexFile) }, `the manifest: "sha256:../..`},
		"another layer":                 {"", func(text, d string) string { return strings.ReplaceAll(text, d, digest.FromString("x").String()) }, errHalf.Error()},
		"a layer less": {"", func(text, _ string) string {
			return regexp.MustCompile(`"layers":\[{[^}]*},`).ReplaceAllString(text, `"layers":[`)
		}, errDiffers.Error()},
		"no JSON": {"", func(string, string) string { return "{" }, "unexpected end of JSON"},
	} {
		dir := filepath.Join(t.TempDir(), "image")
		write(t, dir, in, Options{})
		was, err := manifestOf(dir)
		if err != nil {
			t.Fatal(err)
		}
		blobs := filepath.Join(dir, v1.ImageBlobsDir, "sha256")
		at, d := filepath.Join(dir, c.file), was.String()
		if c.file == "" {
			at = filepath.Join(blobs, was.Encoded())
			d = read(t, dir).manifest.Layers[0].Digest.String()
		}
		text, err := os.ReadFile(at)
		if err != nil {
			t.Fatal(err)
		}
		spoilt := c.spoil(string(text), d)
		if spoilt == string(text) {
			t.Fatalf("%s: nothing is spoilt", name)
		}
		if err := os.WriteFile(at, []byte(spoilt), 0o644); err != nil {
			t.Fatal(err)
		}
		if c.file == "" { // with the name that it would have
			now := digest.FromString(spoilt)
			index := filepath.Join(dir, v1.ImageIndexFile)
			text, err := os.ReadFile(index)
			if err := errors.Join(err, os.Rename(at, filepath.Join(blobs, now.Encoded())), os.WriteFile(index, bytes.ReplaceAll(text, []byte(was), []byte(now)), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Check(t.Context(), dir, t.TempDir(), in, Options{}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHalf: what a pull leaves that ended in the middle is no image, and said to be
// none; nothing is written over it, and nothing beside it.
func TestHalf(t *testing.T) {
	in, base := store(t), t.TempDir()
	dir := filepath.Join(base, "image")
	write(t, dir, in, Options{})
	all := []string{"index.json"}
	blobs, _ := filepath.Glob(filepath.Join(dir, "blobs/sha256/*"))
	for _, b := range blobs {
		all = append(all, strings.TrimPrefix(b, dir+"/"))
	}
	if len(all) < 5 {
		t.Fatalf("too little to leave out: %v", all)
	}
	for _, name := range append(all, "blobs/sha256", "blobs") {
		away := filepath.Join(t.TempDir(), "away")
		if err := os.Rename(filepath.Join(dir, name), away); err != nil {
			t.Fatal(err)
		}
		if _, err := Check(t.Context(), dir, base, in, Options{}); !errors.Is(err, errHalf) || !strings.Contains(err.Error(), filepath.Base(name)) {
			t.Errorf("without %s: %v", name, err)
		}
		if entries, err := os.ReadDir(base); err != nil || len(entries) != 1 {
			t.Errorf("without %s: %v is left, %v", name, entries, err)
		}
		if err := os.Rename(away, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Check(t.Context(), dir, base, in, Options{}); err != nil {
		t.Error(err)
	}
	// Of a folder that a pull has begun, as skopeo leaves it.
	if err := errors.Join(os.Remove(filepath.Join(dir, "index.json")), os.WriteFile(filepath.Join(dir, "oci-put-blob1"), []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(t.Context(), dir, in, Options{}); !errors.Is(err, errExists) {
		t.Error(err)
	}
}

func TestManyPaths(t *testing.T) {
	in := store(t)
	in.Paths = nil
	for i := range 90 {
		p := storePath("f", fmt.Sprintf("p%02d", i))
		in.Paths = append(in.Paths, p)
		if err := os.MkdirAll(in.Root+p, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(in.Root+p+"/file", make([]byte, large+i), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	dir, o := filepath.Join(t.TempDir(), "image"), Options{Cache: t.TempDir()}
	r := write(t, dir, in, o)
	if r.Layers != 60 {
		t.Errorf("%d layers", r.Layers)
	}
	// Which of them come from a cache makes no difference to their order.
	cached, err := filepath.Glob(filepath.Join(o.Cache, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		if err := os.Remove(cached[2*i]); err != nil {
			t.Fatal(err)
		}
	}
	if again := write(t, dir, in, o); again.Reused != 30 || again.Digest != r.Digest {
		t.Errorf("with half of a cache: %+v, not %+v", again, r)
	}
	if i := read(t, dir); len(i.layers[57]) != 2*33+2 || i.config.History[57].CreatedBy != "small store paths" {
		t.Errorf("%d files in layer %s", len(i.layers[57]), i.config.History[57].CreatedBy)
	}
}

// TestNothingHalf: after an error all is as it was.
func TestNothingHalf(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "image")
	good := store(t)
	first := write(t, dir, good, Options{})
	for name, c := range map[string]struct {
		cancelled bool
		spoil     func(*Input)
	}{
		"no store path":     {false, func(in *Input) { in.Paths = append(in.Paths, "/") }},
		"a path is missing": {false, func(in *Input) { in.Paths = append(in.Paths, storePath("e", "gone")) }},
		"a FIFO": {false, func(in *Input) {
			if err := unix.Mkfifo(in.Root+tools+"/fifo", 0o644); err != nil {
				t.Fatal(err)
			}
		}},
		"no PID 1":  {false, func(in *Input) { in.Init = "/nowhere" }},
		"cancelled": {true, func(*Input) {}},
	} {
		in := store(t)
		c.spoil(&in)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if c.cancelled {
			cancel()
		}
		if _, err := Write(ctx, dir, in, Options{}); err == nil {
			t.Errorf("%s: no error", name)
		}
		if d, err := manifestOf(dir); err != nil || d != first.Digest {
			t.Errorf("%s: the image is %s, %v", name, d, err)
		}
		if entries, err := os.ReadDir(base); err != nil || len(entries) != 1 {
			t.Errorf("%s: %v is left, %v", name, entries, err)
		}
	}
	read(t, dir)
}

// TestChanging: what changes while it is read gives no image, whichever way.
func TestChanging(t *testing.T) {
	before := runtime.GOMAXPROCS(1) // the largest is read first: claude's program, and what is beside it
	defer runtime.GOMAXPROCS(before)
	for name, c := range map[string]struct {
		want   error
		change func(in Input, program, next string) error
	}{
		"grown": {errChanging, func(_ Input, program, _ string) error {
			f, err := os.OpenFile(program, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("more")
			return errors.Join(err, f.Close())
		}},
		"shrunk":       {errChanging, func(_ Input, program, _ string) error { return os.Truncate(program, 100) }},
		"same size":    {errChanging, func(_ Input, program, _ string) error { return rewrite(program) }},
		"PID 1":        {errChanging, func(in Input, _, _ string) error { return rewrite(in.Init) }},
		"another file": {errChanging, func(_ Input, _, next string) error { return os.WriteFile(next+"2", nil, 0o644) }},
		"one is gone":  {fs.ErrNotExist, func(_ Input, _, next string) error { return os.RemoveAll(next) }},
		"now a symlink": {unix.ELOOP, func(in Input, _, next string) error {
			return errors.Join(os.RemoveAll(next), os.Symlink(in.Init, next))
		}},
		"now a FIFO": {errChanging, func(_ Input, _, next string) error { return errors.Join(os.RemoveAll(next), unix.Mkfifo(next, 0o644)) }},
	} {
		in := store(t)
		program, next := in.Root+claude+"/bin/claude", in.Root+claude+"/bin/next"
		if err := os.WriteFile(next, []byte("next"), 0o644); err != nil {
			t.Fatal(err)
		}
		o := Options{Progress: func(int64, int64) {
			if err := c.change(in, program, next); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}}
		if _, err := Write(t.Context(), filepath.Join(t.TempDir(), "image"), in, o); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, not %v", name, err, c.want)
		}
	}
}

// rewrite changes a file, but neither its size nor the time that is said of it.
// The kernel's clock for files may stand still for some milliseconds.
func rewrite(file string) error {
	var before, now unix.Stat_t
	if err := unix.Stat(file, &before); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	for now = before; err == nil && now.Ctim == before.Ctim; {
		_, err = f.WriteAt([]byte("#!"), 0)
		err = errors.Join(err, os.Chtimes(file, time.Time{}, time.Unix(before.Mtim.Unix())), unix.Stat(file, &now))
	}
	return errors.Join(err, f.Close())
}

func TestReplace(t *testing.T) {
	in, base := store(t), t.TempDir()
	file, full, empty := filepath.Join(base, "file"), filepath.Join(base, "full"), filepath.Join(base, "empty")
	if err := errors.Join(os.WriteFile(file, nil, 0o644), os.MkdirAll(full+"/thesis", 0o755), os.Mkdir(empty, 0o755)); err != nil {
		t.Fatal(err)
	}
	early := Options{Progress: func(int64, int64) { t.Error("the store is read first") }}
	for _, dir := range []string{file, full} {
		if _, err := Write(t.Context(), dir, in, early); !errors.Is(err, errExists) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if _, err := os.Stat(full + "/thesis"); err != nil {
		t.Error(err)
	}
	write(t, empty, in, Options{})
	if fi, err := os.Stat(empty); err != nil || fi.Mode().Perm() != 0o755 {
		t.Errorf("the image is for few: %v, %v", fi, err)
	}
	// An image with something of the user's in it, and a part of one.
	thesis := filepath.Join(empty, "thesis")
	if err := os.WriteFile(thesis, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(t.Context(), empty, in, Options{}); !errors.Is(err, errExists) {
		t.Errorf("an image with more in it: %v", err)
	}
	if err := errors.Join(os.Remove(thesis), os.Mkdir(base+"/part", 0o755), os.WriteFile(base+"/part/index.json", nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(t.Context(), base+"/part", in, Options{}); !errors.Is(err, errExists) {
		t.Errorf("an index alone: %v", err)
	}
	// What comes while the image is made stays where it was put.
	meanwhile := func(int64, int64) { _ = os.WriteFile(thesis, []byte("all of it"), 0o644) }
	if _, err := Write(t.Context(), empty, in, Options{Progress: meanwhile}); !errors.Is(err, errExists) {
		t.Errorf("a file that came meanwhile: %v", err)
	}
	if text, err := os.ReadFile(thesis); string(text) != "all of it" {
		t.Errorf("the file that came meanwhile: %q, %v", text, err)
	}
	if err := os.Remove(thesis); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(base + "/.*"); len(left) > 0 {
		t.Errorf("%q is left, %v", left, err)
	}
	in.Name = "other"
	write(t, empty, in, Options{Compression: None})
	read(t, empty)
}

func TestArchive(t *testing.T) {
	in, dir := store(t), filepath.Join(t.TempDir(), "image")
	want := write(t, dir, in, Options{})
	var b bytes.Buffer
	temp := t.TempDir()
	got, err := writeArchive(t.Context(), &b, temp, in, Options{})
	if err != nil || got.Digest != want.Digest {
		t.Fatal(got, err)
	}
	r := tar.NewReader(&b)
	seen := map[string]bool{}
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		seen[h.Name] = true
		if h.Typeflag == tar.TypeDir {
			continue
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := os.ReadFile(filepath.Join(dir, h.Name)); err != nil || !bytes.Equal(text, same) {
			t.Errorf("%s differs: %v", h.Name, err)
		}
	}
	if !seen["oci-layout"] || !seen["index.json"] || len(seen) < 10 {
		t.Errorf("%v", seen)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// TestEnded: a signal ends what is made, a reader may end when he likes, and what a
// killed process left goes with the next image; nothing else does.
func TestEnded(t *testing.T) {
	if sub := os.Getenv("IMAGE_TEST_ENDED"); sub != "" {
		// A file that takes days to read, and no room.
		in := store(t)
		if err := os.Truncate(in.Root+libc+"/lib/libc.so", 1<<40); err != nil {
			t.Fatal(err)
		}
		var once sync.Once
		o := Options{Progress: func(int64, int64) { once.Do(func() { fmt.Println("begun") }) }}
		if _, err := Write(t.Context(), sub, in, o); err == nil {
			t.Fatal("it was made")
		}
		return
	}
	for sent, left := range map[unix.Signal]int{unix.SIGINT: 0, unix.SIGTERM: 0, unix.SIGHUP: 0, unix.SIGKILL: 1} {
		base := t.TempDir()
		dir := filepath.Join(base, "image")
		c := exec.Command(os.Args[0], "-test.run=^TestEnded$", "-test.count=1")
		c.Env = append(os.Environ(), "IMAGE_TEST_ENDED="+dir)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if text, err := bufio.NewReader(out).ReadString('\n'); err != nil || text != "begun\n" {
			t.Fatalf("%q: %v", text, err)
		}
		if err := unix.Kill(c.Process.Pid, sent); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, out)
		_ = c.Wait()
		old, err := os.ReadDir(base)
		if err != nil || len(old) != left {
			t.Errorf("after %s: %v is left, %v", sent, old, err)
		}
		// Another folder like it, and one that somebody still fills.
		busy, remove, err := temporary(base, ".image.new-")
		if err != nil {
			t.Fatal(err)
		}
		mine := filepath.Join(base, ".image.new-1")
		if err := errors.Join(os.Mkdir(mine, 0o755), os.WriteFile(mine+"/notes", nil, 0o644)); err != nil {
			t.Fatal(err)
		}
		for _, d := range append(old, nil) {
			for _, p := range []string{busy, mine} {
				if d != nil {
					p = filepath.Join(base, d.Name())
				}
				if err := os.Chtimes(p, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
					t.Fatal(err)
				}
			}
		}
		write(t, dir, store(t), Options{})
		now, err := os.ReadDir(base)
		if err != nil || len(now) != 3 {
			t.Errorf("after %s and another image: %v is left, %v", sent, now, err)
		}
		if err := remove(); err != nil {
			t.Error(err)
		}
	}
}

// TestOthersAreLeft: a temporary folder that is not of this program's making, or not of
// this user's, stays, however long nobody has touched it.
func TestOthersAreLeft(t *testing.T) {
	base := t.TempDir()
	old := time.Now().Add(-time.Hour)
	folder := func(name string) string {
		p := filepath.Join(base, name)
		if err := errors.Join(os.MkdirAll(filepath.Join(p, v1.ImageBlobsDir), 0o755), os.Chtimes(p, old, old)); err != nil {
			t.Fatal(err)
		}
		return p
	}
	ours := folder(".image.new-1")
	others := []string{folder(".image.new-"), folder(".image.new-1a"), folder(".image.new-.."), folder(".other.new-2"), folder("image.new-3"), folder("elsewhere")}
	if err := os.Symlink("elsewhere", filepath.Join(base, ".image.new-4")); err != nil {
		t.Fatal(err)
	}
	filled := folder(".image.new-6")
	if err := errors.Join(os.WriteFile(filled+"/notes", nil, 0o600), os.Chtimes(filled, old, old)); err != nil {
		t.Fatal(err)
	}
	others = append(others, filepath.Join(base, ".image.new-4"), filled)
	if os.Geteuid() == 0 { // who else gives folders away
		p := folder(".image.new-5")
		if err := errors.Join(os.Chown(p, 12345, -1), os.Chtimes(p, old, old)); err != nil {
			t.Fatal(err)
		}
		others = append(others, p)
	}
	_, remove, err := temporary(base, ".image.new-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := remove(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := os.Lstat(ours); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left: the test tells nothing: %v", ours, err)
	}
	for _, p := range others {
		if _, err := os.Lstat(p); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(filepath.Join(p, v1.ImageBlobsDir)); err != nil {
			t.Error(err)
		}
	}
}

// TestReaderEnds: of a stream that nobody reads to its end nothing stays.
func TestReaderEnds(t *testing.T) {
	if temp := os.Getenv("IMAGE_TEST_STREAM"); temp != "" {
		_, err := writeArchive(t.Context(), os.Stdout, temp, store(t), Options{Compression: None})
		t.Fatal("it was written", err)
	}
	temp := t.TempDir()
	c := exec.Command(os.Args[0], "-test.run=^TestReaderEnds$", "-test.count=1")
	c.Env = append(os.Environ(), "IMAGE_TEST_STREAM="+temp)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 1000)); err != nil {
		t.Error(err)
	}
	if err := out.Close(); err != nil {
		t.Error(err)
	}
	_ = c.Wait()
	if by, ok := c.ProcessState.Sys().(syscall.WaitStatus); !ok || by.Signal() != syscall.SIGPIPE {
		t.Errorf("it ended by %v", c.ProcessState)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// TestFullDisk: what does not fit is not there, and what was there is.
func TestFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a small file system is mounted by root")
	}
	base := t.TempDir()
	if err := unix.Mount("tmpfs", base, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("mount: %v", err)
	}
	defer func() { _ = unix.Unmount(base, unix.MNT_DETACH) }()
	in := store(t)
	if _, err := Write(t.Context(), filepath.Join(base, "image"), in, Options{Compression: None}); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(base); err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}
