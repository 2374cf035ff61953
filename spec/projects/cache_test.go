package projects

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// sized makes a file of so many bytes that was used days ago.
func sized(t *testing.T, path string, bytes int, days int) {
	t.Helper()
	folder(t, filepath.Dir(path))
	write(t, path, string(make([]byte, bytes)))
	when := time.Now().Add(-time.Duration(days) * 24 * time.Hour)
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// TestTrimCache: what was not used for longest goes first, also where it cannot
// be written, and nothing outside of the cache.
func TestTrimCache(t *testing.T) {
	dir := t.TempDir()
	cache := filepath.Join(dir, cacheFolder)
	outside := filepath.Join(dir, "outside")
	sized(t, outside+"/precious", 10, 0)
	sized(t, cache+"/.cache/go-mod/m@v1/a.go", 1000, 9)
	sized(t, cache+"/.cache/npm/x", 500, 5)
	sized(t, cache+"/.cargo/registry/src/x", 200, 1)
	if err := os.Symlink(outside, cache+"/.cache/go-mod/link"); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"/.cache/go-mod/m@v1", "/.cache/go-mod"} {
		if err := os.Chmod(cache+d, 0o555); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Chmod(cache+"/.cache/go-mod", 0o700); _ = os.Chmod(cache+"/.cache/go-mod/m@v1", 0o700) })
	if removed, left, err := TrimCache(dir, 5000); removed != 0 || left != 1700 || err != nil {
		t.Errorf("within the limit: %d removed, %d left, %v", removed, left, err)
	}
	if removed, left, err := TrimCache(dir, 800); removed != 1000 || left != 700 || err != nil {
		t.Errorf("%d removed, %d left, %v", removed, left, err)
	}
	if exists(cache+"/.cache/go-mod") || !exists(cache+"/.cache/npm/x") || !exists(outside+"/precious") {
		t.Error("the wrong one was removed")
	}
	if _, left, err := TrimCache(dir, 0); left != 0 || err != nil || exists(cache+"/.cargo/registry") {
		t.Errorf("%d left, %v", left, err)
	}
	if removed, left, err := TrimCache(t.TempDir(), 0); removed+left != 0 || err != nil {
		t.Errorf("no cache: %d, %d, %v", removed, left, err)
	}
}

// TestMakeCache: a link that a jail left in the cache leads nothing out of it.
func TestMakeCache(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := MakeCache(dir, []string{".cache", ".cargo/git"}, []string{".cache/a/file"}); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{".cache/a/file", ".cargo/git"} {
		if !exists(filepath.Join(dir, cacheFolder, p)) {
			t.Errorf("%s was not made", p)
		}
	}
	if err := os.Symlink(outside, filepath.Join(dir, cacheFolder, ".cache/out")); err != nil {
		t.Fatal(err)
	}
	if err := MakeCache(dir, []string{".cache/out/x"}, nil); err == nil || exists(outside+"/x") {
		t.Errorf("a folder was made through a link: %v", err)
	}
	if err := MakeCache(dir, nil, []string{".cache/out/f"}); err == nil || exists(outside+"/f") {
		t.Errorf("a file was made through a link: %v", err)
	}
	// Nobody will ever write to this one.
	if err := syscall.Mkfifo(filepath.Join(dir, cacheFolder, ".cache/fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := MakeCache(dir, nil, []string{".cache/fifo"}); err != nil {
		t.Errorf("a FIFO of a jail's: %v", err)
	}
	for range 2 {
		if CacheDue(dir) {
			t.Error("a new cache is measured")
		}
	}
	old := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(filepath.Join(dir, measuredName), old, old); err != nil {
		t.Fatal(err)
	}
	if !CacheDue(dir) || CacheDue(dir) {
		t.Error("not measured once a day")
	}
}

// TestRemoveReadOnly: the state of a project that is gone goes with Go's module
// cache in it.
func TestRemoveReadOnly(t *testing.T) {
	state, project := t.TempDir(), folder(t, filepath.Join(t.TempDir(), "p"))
	c := claim(t, state, project)
	closed := filepath.Join(c.Dir, cacheFolder, ".cache/go-mod/m@v1/deep")
	sized(t, closed+"/a.go", 1, 0)
	for _, d := range []string{closed, filepath.Dir(closed)} {
		if err := os.Chmod(d, 0o500); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(project); err != nil {
		t.Fatal(err)
	}
	if err := Remove(state, Entry{Dir: c.Dir}); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(c.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
