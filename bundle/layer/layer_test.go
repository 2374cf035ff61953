package layer

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	c := exec.Command("git", args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func write(t *testing.T, p, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// repository has a commit, and a layer that was begun over it.
func repository(t *testing.T) (dir string, d Dir) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git")
	}
	dir = filepath.Join(t.TempDir(), "p")
	write(t, filepath.Join(dir, "a"), "a\n")
	git(t, dir, "init", "-q", "-b", "main")
	git(t, dir, "add", ".")
	git(t, dir, "commit", "-qm", "one")
	d = In(t.TempDir(), "")
	begin(t, d, dir)
	return dir, d
}

// begin begins a layer. Tests run one after the other: a program that one of them
// starts has the lock of another between fork and exec.
func begin(t *testing.T, d Dir, dir string, gits ...string) []string {
	t.Helper()
	_, changed, err := Begin(d, dir, gits)
	if errors.Is(err, unix.ENOTSUP) {
		t.Skip("this file system has no user attributes: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// TestSince: what git on the host does below a layer that holds something is told,
// and what changes nothing is not.
func TestSince(t *testing.T) {
	dir, d := repository(t)
	git(t, dir, "commit", "-q", "--allow-empty", "-m", "two")
	if changed := begin(t, d, dir); changed != nil {
		t.Errorf("an empty layer: %q", changed)
	}
	write(t, filepath.Join(d.Upper(), "a"), "inside\n")
	begin(t, d, dir)
	for _, c := range []struct {
		want []string
		do   func()
	}{
		{nil, func() {
			when := time.Now().Add(-time.Hour)
			if err := os.Chtimes(filepath.Join(dir, "a"), when, when); err != nil {
				t.Fatal(err)
			}
			git(t, dir, "status")
		}},
		{nil, func() { git(t, dir, "pack-refs", "--all") }},
		{nil, func() { git(t, dir, "gc", "-q") }},
		{nil, func() { git(t, dir, "update-ref", "refs/remotes/origin/x", "HEAD") }},
		{nil, func() { git(t, dir, "update-index", "--index-version", "4") }},
		{[]string{"branches or tags"}, func() { git(t, dir, "tag", "t") }},
		{nil, func() { git(t, dir, "tag", "-d", "t") }},
		{[]string{"the index"}, func() { write(t, filepath.Join(dir, "b"), "b"); git(t, dir, "add", "b") }},
		{nil, func() { git(t, dir, "rm", "-q", "--cached", "b") }},
		{[]string{"HEAD"}, func() { git(t, dir, "switch", "-qc", "other") }},
		{[]string{"HEAD", "the index"}, func() { git(t, dir, "add", "b"); git(t, dir, "commit", "-qm", "b") }},
		{[]string{"HEAD"}, func() { git(t, dir, "rm", "-q", "--cached", "b"); git(t, dir, "commit", "-qm", "b") }},
	} {
		c.do()
		if got := begin(t, d, dir); !slices.Equal(got, c.want) && (len(got) <= len(c.want) || !slices.Contains(c.want, "HEAD") || !slices.Contains(got, "HEAD")) {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	b, err := d.Base()
	if err != nil || b.Project != dir || b.Head != "ref: refs/heads/main" || len(b.Commit) != 40 || b.Index == "" || b.Refs == "" {
		t.Errorf("%+v, %v", b, err)
	}
}

// TestWorktreeBase: the base of a linked worktree is that of its own HEAD and
// index.
func TestWorktreeBase(t *testing.T) {
	main, _ := repository(t)
	dir := filepath.Join(t.TempDir(), "wt")
	git(t, main, "worktree", "add", "-q", dir)
	d := In(t.TempDir(), "")
	common := filepath.Join(main, ".git")
	begin(t, d, dir, common)
	write(t, filepath.Join(d.Git(common).Upper(), "x"), "inside\n")
	if got := begin(t, d, dir, common); got != nil {
		t.Errorf("%q", got)
	}
	git(t, main, "commit", "-q", "--allow-empty", "-m", "elsewhere")
	if got := begin(t, d, dir, common); got != nil {
		t.Errorf("another worktree's work: %q", got)
	}
	git(t, dir, "commit", "-q", "--allow-empty", "-m", "here")
	if got := begin(t, d, dir, common); !slices.Equal(got, []string{"HEAD"}) {
		t.Errorf("%q", got)
	}
	if _, err := Borrow(d, ""); err == nil {
		t.Error("a layer was lent whose git directory holds something")
	}
	// What the project's own holds counts as much.
	write(t, filepath.Join(d.Upper(), "x"), "inside\n")
	if err := os.Remove(filepath.Join(d.Git(common).Upper(), "x")); err != nil {
		t.Fatal(err)
	}
	if got := begin(t, d, dir, common); !slices.Equal(got, []string{"HEAD"}) {
		t.Errorf("%q", got)
	}
}

// TestIndexWithoutChecksum: git can be told to leave it out.
func TestIndexWithoutChecksum(t *testing.T) {
	dir, d := repository(t)
	without := func() {
		t.Helper()
		index, err := os.ReadFile(filepath.Join(dir, ".git/index"))
		if err != nil {
			t.Fatal(err)
		}
		clear(index[len(index)-20:])
		write(t, filepath.Join(dir, ".git/index"), string(index))
	}
	without()
	begin(t, d, dir)
	write(t, filepath.Join(d.Upper(), "a"), "inside\n")
	write(t, filepath.Join(dir, "b"), "b")
	git(t, dir, "add", "b")
	without()
	if got := begin(t, d, dir); !slices.Equal(got, []string{"the index"}) {
		t.Errorf("%q", got)
	}
}

// TestOtherRefs: refs that lie in tables, and what is none.
func TestOtherRefs(t *testing.T) {
	dir := t.TempDir()
	d := In(t.TempDir(), "")
	write(t, filepath.Join(dir, ".git/HEAD"), "ref: refs/heads/.invalid\n")
	tables := filepath.Join(dir, ".git/reftable/tables.list")
	write(t, tables, "one.ref\n")
	begin(t, d, dir)
	write(t, filepath.Join(d.Upper(), "a"), "inside\n")
	write(t, filepath.Join(dir, ".git/refs/heads/main.lock"), strings.Repeat("a", 40))
	if got := begin(t, d, dir); got != nil {
		t.Errorf("a lock: %q", got)
	}
	write(t, tables, "one.ref\ntwo.ref\n")
	if got := begin(t, d, dir); !slices.Equal(got, []string{"branches or tags"}) {
		t.Errorf("another table: %q", got)
	}
	if _, err := read(tables, 4); err == nil {
		t.Error("a file of any size is read")
	}
}

// TestBeginRefuses: no jail starts in a layer that is in part on the host, or that
// a later version has begun, and neither is changed.
func TestBeginRefuses(t *testing.T) {
	dir := t.TempDir()
	d := In(t.TempDir(), "")
	begin(t, d, dir)
	base := filepath.Join(string(d), baseName)
	for file, text := range map[string]string{journalName: "{}", baseName: `{"version": 2}`} {
		write(t, filepath.Join(string(d), file), text)
		before, err := os.ReadFile(base)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = Begin(d, dir, nil)
		if err == nil || errors.Is(err, ErrUnfinished) != (file == journalName) {
			t.Errorf("%s: %v", file, err)
		}
		if after, err := os.ReadFile(base); string(after) != string(before) {
			t.Errorf("%s: the base is another one: %s, %v", file, after, err)
		}
		if err := os.Remove(filepath.Join(string(d), file)); err != nil {
			t.Fatal(err)
		}
		begin(t, d, dir)
	}
}

// TestLock: one has the layer, and whoever comes while he has it is told so.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	d := In(t.TempDir(), "")
	begin(t, d, dir)
	f, err := d.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Lock(); !errors.Is(err, ErrBusy) {
		t.Errorf("a second one: %v", err)
	}
	if _, _, err := Begin(d, dir, nil); !errors.Is(err, ErrBusy) {
		t.Errorf("a second jail: %v", err)
	}
	f.Close()
	begin(t, d, dir)
	// A symlink in the lock's place is followed nowhere.
	if err := os.Remove(filepath.Join(string(d), LockName)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/null", filepath.Join(string(d), LockName)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Lock(); err == nil {
		t.Error("a symlink was locked")
	}
	elsewhere := filepath.Join(dir, "made")
	if err := errors.Join(os.Remove(filepath.Join(string(d), LockName)), os.Symlink(elsewhere, filepath.Join(string(d), LockName))); err != nil {
		t.Fatal(err)
	}
	_, _, err = Begin(d, dir, nil)
	if _, there := os.Lstat(elsewhere); err == nil || there == nil {
		t.Errorf("a file was made through a symlink: %v", err)
	}
}

// TestHeld: files count, whatever they are; folders do not.
func TestHeld(t *testing.T) {
	d := In(t.TempDir(), "")
	lower := t.TempDir()
	if err := os.Chmod(lower, 0o750|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	old := time.Unix(1e9, 0)
	if err := os.Chtimes(lower, old, old); err != nil {
		t.Fatal(err)
	}
	begin(t, d, lower)
	if fi, err := os.Stat(d.Upper()); err != nil || fi.Mode().Perm() != 0o750 || !fi.ModTime().Equal(old) {
		t.Errorf("the folder itself has another mode or time: %v %v, %v", fi.Mode(), fi.ModTime(), err)
	}
	for _, dir := range []string{string(d), d.work()} {
		if fi, err := os.Stat(dir); err != nil || fi.Mode().Perm() != 0o700 {
			t.Errorf("%s is open to others: %v, %v", dir, fi.Mode(), err)
		}
	}
	for _, dir := range []string{"x/y", ".git/objects"} {
		if err := os.MkdirAll(filepath.Join(d.Upper(), dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if h, err := Look(d.Upper()); err != nil || !h.Empty() || h.String() != "" {
		t.Errorf("%+v %v", h, err)
	}
	drop, err := Borrow(d, "")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(d.Upper(), ".gitignore"), "")
	if h, _ := Look(d.Upper()); h.String() != "1 changed file" {
		t.Errorf("%s", h)
	}
	write(t, filepath.Join(d.Upper(), ".git/index"), "")
	if err := syscall.Mkfifo(filepath.Join(d.Upper(), "x/p"), 0o600); err != nil {
		t.Fatal(err)
	}
	if h, _ := Look(d.Upper()); h.String() != "2 changed files and changes of .git" {
		t.Errorf("%s", h)
	}
	if _, err := Borrow(d, ""); err == nil {
		t.Error("a layer that holds something was lent")
	}
	// What the agent closed may hold something.
	closed := filepath.Join(d.Upper(), "x")
	write(t, closed+"/y/deep/f", "")
	if err := errors.Join(os.RemoveAll(d.Upper()+"/.git"), os.Remove(d.Upper()+"/.gitignore"), os.Remove(closed+"/p"), os.Chmod(closed, 0)); err != nil {
		t.Fatal(err)
	}
	if h, err := Look(d.Upper()); err != nil || h.String() != "1 changed file" {
		t.Errorf("a closed folder: %s, %v", h, err)
	}
	if _, err := Borrow(d, ""); err == nil {
		t.Error("a layer was lent in which a folder is closed")
	}
	// As overlayfs leaves it.
	if err := os.MkdirAll(filepath.Join(d.work(), "work", "#1"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(d.work(), "work"), 0); err != nil {
		t.Fatal(err)
	}
	if err := drop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(string(d)); !os.IsNotExist(err) {
		t.Errorf("it is there: %v", err)
	}
}
