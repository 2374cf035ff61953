package image

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/jailed-claude/jailed-claude/bundle/lock"
)

// TestPinned: the layers that a lock has are those of the image, in its order; with
// another one the image is refused by the layer's name, and nothing is written. A lock
// of another closure says nothing.
func TestPinned(t *testing.T) {
	in := store(t)
	ctx := context.Background()
	layers, err := Layers(ctx, Input{Root: in.Root, Paths: in.Paths}, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "image")
	r, err := Write(ctx, dir, in, Options{Compression: Zstd})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for i, y := range layers {
		names = append(names, y.What)
		if y.DiffID != string(r.DiffIDs[i]) {
			t.Errorf("%s is %s in the lock and %s in the image", y.What, y.DiffID, r.DiffIDs[i])
		}
	}
	if want := []string{libc, node, claude, "small store paths"}; !slices.Equal(names, want) {
		t.Errorf("layers %q, want %q", names, want)
	}
	const hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	digest := string(r.Digest)
	l := &lock.Lock{Tool: lock.ToolRange, System: "x86_64-linux", Policy: digest, Spec: digest, Agent: lock.Agent{Program: claude + "/bin/claude", Paths: []string{claude}}, Layers: layers}
	for _, p := range []string{claude, libc, node, tools} {
		l.Paths = append(l.Paths, lock.Path{Path: p, NarHash: hash})
	}
	slices.SortFunc(l.Paths, func(a, b lock.Path) int { return lock.ComparePaths(a.Path, b.Path) })
	in.Lock = filepath.Join(t.TempDir(), lock.Name)
	try := func(what string, fails bool) {
		t.Helper()
		if err := os.WriteFile(in.Lock, l.Render(), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Check(ctx, dir, t.TempDir(), in, Options{Compression: Zstd}); errors.Is(err, errPinned) != fails || !fails && err != nil {
			t.Errorf("%s: --check: %v", what, err)
		}
		other := filepath.Join(t.TempDir(), "other")
		_, err := Write(ctx, other, in, Options{Compression: None})
		if errors.Is(err, errPinned) != fails || !fails && err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(other), "*")); fails && len(left) > 0 {
			t.Errorf("%s: left behind: %q", what, left)
		}
	}
	try("as locked", false)
	l.Layers[2].DiffID = digest
	try("another layer", true)
	l.Paths = l.Paths[:3]
	if !slices.ContainsFunc(l.Paths, func(p lock.Path) bool { return p.Path == claude }) {
		l.Paths = append(l.Paths, lock.Path{Path: claude, NarHash: hash})
		slices.SortFunc(l.Paths, func(a, b lock.Path) int { return lock.ComparePaths(a.Path, b.Path) })
		l.Paths = slices.DeleteFunc(l.Paths, func(p lock.Path) bool { return p.Path == tools })
	}
	try("another closure", false)
	if err := os.Remove(in.Lock); err != nil {
		t.Fatal(err)
	}
	if _, err := Check(ctx, dir, t.TempDir(), in, Options{Compression: Zstd}); err != nil {
		t.Error(err)
	}
}
