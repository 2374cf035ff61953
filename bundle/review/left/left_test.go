package left

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle/review/apply"
	"github.com/jailed-claude/jailed-claude/bundle/review/upper"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// project is one whose path is real, with a file in it.
func project(t *testing.T, content string) (dir string, i Item) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "run.sh"), []byte(content), 0o755))
	i = Item{Root: dir, Path: "run.sh", Was: Nothing}
	i.After, _, err = i.Now()
	must(t, err)
	return dir, i
}

// before makes an item one of which is known what was there.
func (i *Item) before(content string) {
	i.Was, i.Content = Kept, []byte(content)
	i.Before = &upper.State{Kind: upper.File, Mode: 0o700, Size: int64(len(content)), Digest: upper.Digest(i.Content)}
}

func text(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return "(nothing)"
	}
	must(t, err)
	return string(data)
}

// elsewhere is a folder on another file system.
func elsewhere(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "left")
	if err != nil {
		t.Skip("no second file system: ", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// TestDrop: what was seen goes aside and comes to no harm, and what was there before is
// back, with its mode; also where the folder for it is on another file system.
func TestDrop(t *testing.T) {
	for _, far := range []bool{false, true} {
		to := t.TempDir()
		if far {
			to = elsewhere(t)
		}
		dir, i := project(t, "evil\n")
		must(t, i.Drop(i.After, to))
		if got := text(t, filepath.Join(dir, "run.sh")) + text(t, filepath.Join(to, dir, "run.sh")); got != "(nothing)evil\n" {
			t.Errorf("far %v, new: %q", far, got)
		}
		to = filepath.Join(to, "2")
		must(t, os.Mkdir(to, 0o700))
		must(t, os.WriteFile(filepath.Join(dir, "run.sh"), []byte("evil\n"), 0o755))
		seen, _, err := i.Now()
		must(t, err)
		i.before("good\n")
		must(t, i.Drop(seen, to))
		if got := text(t, filepath.Join(dir, "run.sh")) + text(t, filepath.Join(to, dir, "run.sh")); got != "good\nevil\n" {
			t.Errorf("far %v, changed: %q", far, got)
		}
		if fi, err := os.Lstat(filepath.Join(dir, "run.sh")); err != nil || fi.Mode().Perm() != 0o700 {
			t.Errorf("the mode: %v %v", fi.Mode(), err)
		}
		if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
			t.Errorf("more than the file: %v %v", names, err)
		}
	}
}

// TestDropFolder: a folder goes whole, also one that nobody may write.
func TestDropFolder(t *testing.T) {
	for _, far := range []bool{false, true} {
		to := t.TempDir()
		if far {
			to = elsewhere(t)
		}
		dir, i := project(t, "")
		i.Path = "sub/.git"
		must(t, os.MkdirAll(filepath.Join(dir, "sub/.git/hooks"), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, "sub/.git/hooks/pre-commit"), []byte("evil\n"), 0o755))
		must(t, os.Symlink("/etc/passwd", filepath.Join(dir, "sub/.git/link")))
		must(t, os.Chmod(filepath.Join(dir, "sub/.git"), 0o555))
		seen, still, err := i.Now()
		if err != nil || !still {
			t.Fatal(still, err)
		}
		must(t, i.Drop(seen, to))
		if got := text(t, filepath.Join(to, dir, "sub/.git/hooks/pre-commit")); got != "evil\n" {
			t.Errorf("far %v: %q", far, got)
		}
		if _, err := os.Lstat(filepath.Join(dir, "sub/.git")); !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
		must(t, apply.RemoveAll(filepath.Join(to, dir)))
	}
}

// TestDropChanged: what somebody writes after it was looked at stays, in every case.
func TestDropChanged(t *testing.T) {
	for _, kept := range []bool{false, true} {
		for _, to := range []string{t.TempDir(), elsewhere(t)} {
			dir, i := project(t, "evil\n")
			if kept {
				i.before("good\n")
			}
			must(t, os.WriteFile(filepath.Join(dir, "run.sh"), []byte("mine!\n"), 0o755))
			if err := i.Drop(i.After, to); !errors.Is(err, apply.ErrChanged) {
				t.Errorf("kept %v: %v", kept, err)
			}
			if names, err := os.ReadDir(dir); text(t, filepath.Join(dir, "run.sh")) != "mine!\n" || err != nil || len(names) != 1 {
				t.Errorf("kept %v: %v %v", kept, names, err)
			}
		}
	}
}

// TestDropElsewhere: a symlink in the place of a folder leads nobody out, whether it is
// the one that the jail could write or one below it.
func TestDropElsewhere(t *testing.T) {
	dir, i := project(t, "")
	victim := filepath.Join(dir, "victim")
	must(t, os.Mkdir(victim, 0o700))
	must(t, os.WriteFile(filepath.Join(victim, ".envrc"), []byte("mine\n"), 0o600))
	must(t, os.Symlink(victim, filepath.Join(dir, "link")))
	for _, at := range []Item{{Root: filepath.Join(dir, "link"), Path: ".envrc", Was: Nothing}, {Root: dir, Path: "link/.envrc", Was: Nothing}} {
		if _, still, err := at.Now(); err != nil || still {
			t.Errorf("%v: %v, %v", at, still, err)
		}
		if err := at.Drop(i.After, t.TempDir()); err == nil {
			t.Errorf("%v: dropped", at)
		}
		at.before("evil\n")
		if err := at.Drop(nil, t.TempDir()); err == nil || text(t, filepath.Join(victim, ".envrc")) != "mine\n" {
			t.Errorf("%v: %v", at, err)
		}
	}
}

// TestSessions: what is kept is read for its own project alone, and there is an end to
// it.
func TestSessions(t *testing.T) {
	state := t.TempDir()
	fd, err := unix.Open(state, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(fd)
	for n := range mostSessions + 20 {
		id := strings.Repeat("0", 9) + string([]byte{byte('0' + n/100), byte('0' + n/10%10), byte('0' + n%10)})
		must(t, Write(fd, Session{ID: id, Project: "/p", Ended: time.Unix(int64(n), 0), Items: []Item{{Root: "/p", Path: ".envrc", Was: Nothing}}}))
	}
	must(t, Write(fd, Session{ID: "none", Project: "/p"}))
	must(t, Write(fd, Session{ID: "other", Project: "/q", Items: []Item{{}}}))
	all, err := Read(filepath.Join(state, Folder), "/p")
	if err != nil || len(all) > mostSessions || all[len(all)-1].ID != "000000000119" {
		t.Fatalf("%d, %v", len(all), err)
	}
	last := &all[len(all)-1]
	last.Items = nil
	must(t, last.Keep(filepath.Join(state, Folder)))
	if less, err := Read(filepath.Join(state, Folder), "/p"); err != nil || len(less) != len(all)-1 {
		t.Fatalf("%d, %v", len(less), err)
	}
}
