package host

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// TestShownBelow: a large pack is mounted only where the layer shows the host's own;
// nothing is made in its place where something inside replaced or removed it.
func TestShownBelow(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pr := Project{Dir: filepath.Join(top, "project"), Layer: filepath.Join(top, "layer")}
	const pack = ".git/objects/pack/pack-1.pack"
	p := filepath.Join(pr.Dir, pack)
	files(t, pr.Dir, pack)
	upper := contract.LayerIn(pr.Layer, pr.Dir).Upper
	fresh := func(dir string) {
		t.Helper()
		if err := errors.Join(os.RemoveAll(upper), os.MkdirAll(filepath.Join(upper, dir), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	is := func(what string, want bool) {
		t.Helper()
		if got := shownBelow(pr, p); got != want {
			t.Errorf("%s: %v", what, got)
		}
	}
	fresh("")
	is("nothing changed", true)
	fresh(".git/objects/pack")
	is("beside others", true)
	files(t, upper, pack)
	is("replaced", false)
	fresh("")
	files(t, upper, ".git/objects")
	is("a folder that is a file now", false)
	for value, want := range map[string]bool{"y": false, "x": true, "yes": true} {
		for _, dir := range []string{".git", ".git/objects", ".git/objects/pack"} {
			fresh(".git/objects/pack")
			err := unix.Setxattr(filepath.Join(upper, dir), "user.overlay.opaque", []byte(value), 0)
			if errors.Is(err, unix.ENOTSUP) {
				t.Skip("this file system has no user attributes: ", err)
			} else if err != nil {
				t.Fatal(err)
			}
			is(dir+" is "+value, want)
		}
	}
}
