package descriptors

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "a-file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ends := func(target string) bool { return strings.HasSuffix(target, "/a-file") }
	path, ok := Find(os.Getpid(), ends)
	if to, err := os.Readlink(path); !ok || err != nil || to != f.Name() {
		t.Errorf("%q, %v: %q, %v", path, ok, to, err)
	}
	if path, ok := Find(os.Getpid(), func(string) bool { return false }); ok {
		t.Errorf("nothing is %q", path)
	}
	if path, ok := Find(1<<30, ends); ok {
		t.Errorf("no process has %q", path)
	}
}
