package projects

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func claim(t *testing.T, state, project string) Claimed {
	t.Helper()
	c, err := Claim(state, project)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func folder(t *testing.T, path string) string {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestNames(t *testing.T) {
	seen := map[string]string{}
	for _, project := range []string{"/home/ada/site", "/home/bob/site", "/srv/..hidden", "/srv/a b", "/srv/a-b", "/srv/é\n\x1b[31m", "/srv/" + strings.Repeat("x", 300)} {
		n := filepath.Base(Dir("/state", project))
		if other := seen[n]; other != "" {
			t.Errorf("%q and %q share %q", project, other, n)
		}
		seen[n] = project
		if strings.Trim(n, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" || len(n) > 80 {
			t.Errorf("%q: the name is %q", project, n)
		}
	}
	if got := Dir("/state", "/home/ada/site"); !strings.HasPrefix(got, "/state/projects/site-") {
		t.Errorf("%q does not name the project", got)
	}
}

// TestMoved: the folder follows a project that is renamed, and no other one.
func TestMoved(t *testing.T) {
	state, src := filepath.Join(t.TempDir(), "state"), t.TempDir()
	old := folder(t, filepath.Join(src, "old"))
	first := claim(t, state, old)
	if id, _ := identify(old); id.Born == 0 {
		t.Skip("this file system has no birth times")
	}
	if first.Moved != "" {
		t.Fatalf("a new project was moved from %q", first.Moved)
	}
	write(t, filepath.Join(first.Dir, "note"), "mine")
	if fi, err := os.Stat(first.Dir); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", fi, err)
	}

	// A copy is another project, and so is one at the same place as a sibling.
	if c := claim(t, state, folder(t, filepath.Join(src, "copy"))); c.Moved != "" || c.Dir == first.Dir {
		t.Errorf("a copy got %+v", c)
	}
	moved := filepath.Join(src, "new")
	if err := os.Rename(old, moved); err != nil {
		t.Fatal(err)
	}
	c := claim(t, state, moved)
	if c.Moved != old {
		t.Errorf("moved from %q, not %q", c.Moved, old)
	}
	if text, err := os.ReadFile(filepath.Join(c.Dir, "note")); err != nil || string(text) != "mine" {
		t.Errorf("%q, %v", text, err)
	}
	// What comes to the old path gets nothing of it.
	if again := claim(t, state, folder(t, old)); again.Moved != "" || again.Dir == c.Dir {
		t.Errorf("the new project at the old path got %+v", again)
	} else if _, err := os.Stat(filepath.Join(again.Dir, "note")); err == nil {
		t.Error("the new project at the old path has the other one's file")
	}
	if c := claim(t, state, moved); c.Moved != "" {
		t.Errorf("moved again, from %q", c.Moved)
	}
}

// TestAside: a project that comes to the path of another one, or a new clone, gets
// nothing of what that one left; it comes back with its project.
func TestAside(t *testing.T) {
	state, src := filepath.Join(t.TempDir(), "state"), t.TempDir()
	a, b := folder(t, filepath.Join(src, "a")), folder(t, filepath.Join(src, "b"))
	if id, _ := identify(a); id.Born == 0 {
		t.Skip("this file system has no birth times")
	}
	note := func(c Claimed) string {
		text, _ := os.ReadFile(filepath.Join(c.Dir, "note"))
		return string(text)
	}
	write(t, filepath.Join(claim(t, state, a).Dir, "note"), "of a")
	write(t, filepath.Join(claim(t, state, b).Dir, "note"), "of b")
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	// b comes to where a was, which was not started since.
	elsewhere := filepath.Join(src, "elsewhere")
	move(a, elsewhere)
	move(b, a)
	c := claim(t, state, a)
	if note(c) != "of b" || c.Moved != b || c.Aside == "" {
		t.Errorf("%+v: %q", c, note(c))
	}
	if c := claim(t, state, a); c.Aside != "" || c.Moved != "" {
		t.Errorf("again: %+v", c)
	}
	entries, err := List(state)
	if err != nil || len(entries) != 2 || entries[0].Gone == entries[1].Gone {
		t.Errorf("%v: %+v", err, entries)
	}
	if c := claim(t, state, elsewhere); note(c) != "of a" || c.Moved != a {
		t.Errorf("%+v: %q", c, note(c))
	}
	// A new clone; what is left of the old one can be removed, and nothing else.
	move(a, filepath.Join(src, "away"))
	folder(t, a)
	if c := claim(t, state, a); note(c) != "" || c.Aside == "" {
		t.Errorf("%+v: %q", c, note(c))
	}
	entries, _ = List(state)
	removed := 0
	for _, e := range entries {
		if err := Remove(state, e); (err == nil) != e.Gone {
			t.Errorf("%+v: %v", e, err)
		} else if e.Gone {
			removed++
		}
	}
	if removed != 1 {
		t.Errorf("%d removed of %+v", removed, entries)
	}
	// A home that came from another disk has folders that are younger than what
	// they hold.
	dir := claim(t, state, a).Dir
	write(t, filepath.Join(dir, "note"), "kept")
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(dir, recordName), old, old); err != nil {
		t.Fatal(err)
	}
	move(a, filepath.Join(src, "other disk"))
	folder(t, a)
	if c := claim(t, state, a); note(c) != "kept" || c.Aside != "" {
		t.Errorf("%+v: %q", c, note(c))
	}
}

// TestAsidesAreBounded: whoever clones again and again at one path does not fill the
// disk, and loses nothing that only a layer holds.
func TestAsidesAreBounded(t *testing.T) {
	state, project := filepath.Join(t.TempDir(), "state"), filepath.Join(t.TempDir(), "site")
	moved := t.TempDir()
	for n := range 9 {
		folder(t, project)
		if id, _ := identify(project); id.Born == 0 {
			t.Skip("this file system has no birth times")
		}
		c := claim(t, state, project)
		if c.Stays != nil {
			t.Errorf("%v", c.Stays)
		}
		if want := map[bool]int{true: 1}[n >= 7]; c.Removed != want {
			t.Errorf("%d: %d were removed, not %d: %q", n, c.Removed, want, c.Notes())
		}
		write(t, filepath.Join(c.Dir, "note"), fmt.Sprint(n))
		closed := folder(t, filepath.Join(c.Dir, cacheFolder, ".cache", "go"))
		write(t, filepath.Join(closed, "module"), "x")
		_ = os.Chmod(closed, 0o500)
		t.Cleanup(func() { // or the test's folder cannot be removed, wherever this one is by then
			_ = filepath.WalkDir(filepath.Dir(state), func(p string, e os.DirEntry, _ error) error {
				if e != nil && e.IsDir() {
					_ = os.Chmod(p, 0o700)
				}
				return nil
			})
		})
		switch n {
		case 0:
			write(t, filepath.Join(folder(t, filepath.Join(c.Dir, "layer", "upper")), "work"), "x")
		case 1:
			write(t, filepath.Join(folder(t, filepath.Join(c.Dir, "layers", "one", "layer", "git", "0", "upper")), "commit"), "x")
		case 2:
			folder(t, filepath.Join(c.Dir, "layer", "upper"))
		}
		// In the order of use, whatever the clock says.
		used := time.Now().Add(time.Duration(n) * time.Minute)
		if err := os.Chtimes(filepath.Join(c.Dir, recordName), used, used); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(project, filepath.Join(moved, fmt.Sprint(n))); err != nil {
			t.Fatal(err)
		}
	}
	all, err := os.ReadDir(filepath.Join(state, Folder))
	if err != nil {
		t.Fatal(err)
	}
	var notes, caches []string
	for _, e := range all {
		dir := filepath.Join(state, Folder, e.Name())
		text, _ := os.ReadFile(filepath.Join(dir, "note"))
		notes = append(notes, string(text))
		if _, err := os.Lstat(filepath.Join(dir, cacheFolder)); err == nil {
			caches = append(caches, string(text))
		}
	}
	slices.Sort(notes)
	slices.Sort(caches)
	if got := strings.Join(notes, " ") + ", caches " + strings.Join(caches, " "); got != "0 1 4 5 6 7 8, caches 7 8" {
		t.Errorf("left: %s", got)
	}
	// What is left comes back with its project.
	if c := claim(t, state, filepath.Join(moved, "5")); c.Moved != project {
		t.Errorf("%+v", c)
	}
}

// TestInodeAgain: the record of a project that is gone does not give its folder
// to another one that got its inode.
func TestInodeAgain(t *testing.T) {
	state, src := filepath.Join(t.TempDir(), "state"), t.TempDir()
	gone := claim(t, state, folder(t, filepath.Join(src, "gone")))
	next := folder(t, filepath.Join(src, "next"))
	id, err := identify(next)
	if err != nil {
		t.Fatal(err)
	}
	for _, born := range []int64{id.Born + 1, 0} {
		r := record{Path: filepath.Join(src, "nowhere"), identity: identity{id.Device, id.Inode, born}}
		if err := writeRecord(gone.Dir, r); err != nil {
			t.Fatal(err)
		}
		if c := claim(t, state, next); c.Moved != "" || c.Dir == gone.Dir {
			t.Errorf("born %d: got %+v", born, c)
		}
		if err := os.RemoveAll(Dir(state, next)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDamagedRecords(t *testing.T) {
	state, src := filepath.Join(t.TempDir(), "state"), t.TempDir()
	project := folder(t, filepath.Join(src, "site"))
	c := claim(t, state, project)
	at := filepath.Join(c.Dir, recordName)
	for _, text := range []string{"", "{", `{"version":9,"path":"/x"}`, `{"version":1,"path":"relative"}`, strings.Repeat(" ", 2*maxRecord)} {
		write(t, at, text)
		if again := claim(t, state, project); again.Dir != c.Dir {
			t.Errorf("%.20q: %+v", text, again)
		}
		if r, err := readRecord(c.Dir); err != nil || r.Path != project {
			t.Errorf("%.20q: the record is not whole again: %+v, %v", text, r, err)
		}
	}
	if err := os.Remove(at); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(src, "secret"), `{"version":1,"path":"/etc"}`)
	if err := os.Symlink(filepath.Join(src, "secret"), at); err != nil {
		t.Fatal(err)
	}
	if _, err := readRecord(c.Dir); err == nil {
		t.Error("a record was read through a symlink")
	}
	write(t, filepath.Join(state, Folder, "stray"), "")
	if l, err := List(state); err != nil || len(l) != 1 || l[0].Project != "" {
		t.Errorf("%+v, %v", l, err)
	}
	blocked := folder(t, filepath.Join(src, "blocked"))
	write(t, Dir(state, blocked), "a file in its place")
	if _, err := Claim(state, blocked); err == nil {
		t.Error("a file was taken for the folder of a project")
	}
}

func TestListAndRemove(t *testing.T) {
	state, src := filepath.Join(t.TempDir(), "state"), t.TempDir()
	if l, err := List(state); err != nil || len(l) != 0 {
		t.Errorf("%+v, %v", l, err)
	}
	a := claim(t, state, folder(t, filepath.Join(src, "a")))
	b := claim(t, state, folder(t, filepath.Join(src, "b")))
	write(t, filepath.Join(b.Dir, "data"), strings.Repeat("x", 1000))
	if err := os.Remove(filepath.Join(src, "b")); err != nil {
		t.Fatal(err)
	}
	l, err := List(state)
	if err != nil || len(l) != 2 {
		t.Fatalf("%+v, %v", l, err)
	}
	for _, e := range l {
		gone := e.Dir == b.Dir
		if e.Gone != gone || e.Used.IsZero() || gone && e.Bytes < 1000 {
			t.Errorf("%+v", e)
		}
		if err := Remove(state, e); (err == nil) != gone {
			t.Errorf("remove %q: %v", e.Project, err)
		}
	}
	if _, err := os.Stat(a.Dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(b.Dir); err == nil {
		t.Error("the folder of a project that is gone is still there")
	}
	if err := Remove(state, Entry{Dir: src}); err == nil {
		t.Error("a folder elsewhere was removed")
	}
}
