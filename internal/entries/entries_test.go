package entries

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestEach(t *testing.T) {
	dir := t.TempDir()
	for i := range 3000 {
		if err := os.WriteFile(filepath.Join(dir, "file"+strconv.Itoa(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	kinds := map[byte]int{}
	if err := Each(int(f.Fd()), make([]byte, 4096), func(name []byte, kind byte) bool {
		if string(name) == "folder" != (kind == unix.DT_DIR) {
			t.Errorf("%q is of kind %d", name, kind)
		}
		kinds[kind]++
		return true
	}); err != nil || kinds[unix.DT_REG] != 3000 || kinds[unix.DT_DIR] != 1 {
		t.Errorf("%v, %v", kinds, err)
	}
	if _, err := f.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := Each(int(f.Fd()), make([]byte, 4096), func([]byte, byte) bool { n++; return n < 5 }); err != nil || n != 5 {
		t.Errorf("%d, %v", n, err)
	}
}

func TestFirst(t *testing.T) {
	var f First
	f.Add(".git")
	f.Add("mise*")
	f.Add("a.*.toml")
	f.Add(strings.Repeat("l", 100))
	check := func(want bool, names ...string) {
		t.Helper()
		for _, name := range names {
			if f.May([]byte(name)) != want {
				t.Errorf("%q", name)
			}
		}
	}
	check(true, ".git", ".xxx", "mise", "mise.local.toml", "a..toml", "a.x.toml", strings.Repeat("l", 100), strings.Repeat("l", 63), strings.Repeat("m", 255))
	check(false, "", ".x", ".gitx", "x", "git", "m", "mis", "a.toml", strings.Repeat("l", 62))
	f.Add("*.x")
	check(true, ".x", "y.x", "some.x")
	check(false, "", "y")
}

func TestRead(t *testing.T) {
	if _, err := Read(-1, make([]byte, 64)); !errors.Is(err, unix.EBADF) {
		t.Error(err)
	}
	if more, err := Visit([]byte(strings.Repeat("\xff", 64)), func([]byte, byte) bool { t.Error("called"); return true }); more || !errors.Is(err, unix.EIO) {
		t.Errorf("%v, %v for what is no record", more, err)
	}
}
