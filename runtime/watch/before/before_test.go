package before

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func open(p string, flags uint64) (int, error) {
	return unix.Open(p, int(flags)|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestAt: what is small is kept until there is no room, and that says nothing of whether
// two looks saw the same.
func TestAt(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.WriteFile(at("a"), []byte("12345"), 0o700))
	must(t, os.WriteFile(at("b"), []byte("12345"), 0o600))
	must(t, os.WriteFile(at("empty"), nil, 0o600))
	must(t, os.Symlink("a", at("link")))
	must(t, unix.Mkfifo(at("fifo"), 0o600))
	must(t, os.WriteFile(at("large"), bytes.Repeat([]byte{'x'}, maxContent+1), 0o600))
	room := int64(7)
	first, second := At(open, dir, &room), At(open, dir, nil)
	if !first.Same(second) || room != 2 {
		t.Errorf("the same: %v, room %d", first.Same(second), room)
	}
	for name, kept := range map[string]bool{"a": true, "b": false, "empty": true, "link": true, "fifo": false, "large": false} {
		if f, ok := first.Files[at(name)]; !ok || f.Kept() != kept {
			t.Errorf("%s: %v %+v", name, ok, f)
		}
	}
	for name, change := range map[string]func() error{
		"a file":    func() error { return os.WriteFile(at("b"), []byte("54321"), 0o600) },
		"a mode":    func() error { return os.Chmod(at("b"), 0o700) },
		"a symlink": func() error { must(t, os.Remove(at("link"))); return os.Symlink("b", at("link")) },
		"a new one": func() error { return os.WriteFile(at("new"), nil, 0o600) },
	} {
		was := At(open, dir, nil)
		must(t, change())
		if At(open, dir, nil).Same(was) {
			t.Errorf("%s is not seen", name)
		}
	}
	if l := At(open, at("nothing"), nil); !l.Absent || first.Absent {
		t.Errorf("nothing: %+v", l)
	}
}
