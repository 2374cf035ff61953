package descriptors

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// TestFinder: the file is found under the number that is looked at first, and under
// any other.
func TestFinder(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "a-file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	find := Finder{Wanted: func(target string) bool { return target == f.Name() }, First: "3"}
	for _, files := range [][]*os.File{{f}, {null, f}, {null}, {}} {
		c := exec.Command("sleep", "1000")
		c.ExtraFiles = files
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		path, ok := find.Find(c.Process.Pid)
		to, _ := os.Readlink(path)
		if want := slices.Contains(files, f); ok != want || want && to != f.Name() {
			t.Errorf("%d files: %q, %v", len(files), path, ok)
		}
		if err := c.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = c.Wait()
	}
}
