package entries

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAhead: what is read before it is asked for is what is there, in every order.
func TestAhead(t *testing.T) {
	if runtime.GOMAXPROCS(0) == 1 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	}
	dir := t.TempDir()
	folder := func(name string, files int) string {
		p := filepath.Join(dir, name)
		if err := os.Mkdir(p, 0o700); err != nil {
			t.Fatal(err)
		}
		for i := range files {
			if err := os.WriteFile(filepath.Join(p, "some-file-"+strconv.Itoa(i)), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return p
	}
	few, none, many := folder("few", 3), folder("none", 0), folder("many", 3000) // 3000 do not fit into one part
	link := filepath.Join(dir, "link")
	if err := os.Symlink(few, link); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing")
	descriptors := open(t)

	var a Ahead
	all := []string{few, missing, many, link, none}
	for range 20 {
		var took []string
		for _, p := range slices.Concat(all, all, all) {
			if a.Expect(p) {
				took = append(took, p)
			}
		}
		if len(took) != 15 {
			t.Fatalf("%d of 15 are read", len(took))
		}
		for i, p := range took {
			n := 0
			err := a.Each(p, make([]byte, Buffer), func([]byte, byte) bool { n++; return true })
			want := map[string]int{few: 3, many: 3000}[p]
			if n != want || errors.Is(err, unix.ENOENT) != (p == missing) || errors.Is(err, unix.ENOTDIR) != (p == link) {
				t.Errorf("%s: %d entries, %v; want %d", p, n, err, want)
			}
			if i == 7 { // one that nobody expected
				if n := 0; a.Each(few, make([]byte, Buffer), func([]byte, byte) bool { n++; return true }) != nil || n != 3 {
					t.Errorf("%d entries of one that was not expected", n)
				}
			}
		}
	}
	n := 0
	if a.Expect(many); a.Each(many, make([]byte, Buffer), func([]byte, byte) bool { n++; return n < 2 }) != nil || n != 2 {
		t.Errorf("%d entries after the second was enough", n)
	}
	for i := range most + 3 {
		if a.Expect(many) != (i < most) {
			t.Errorf("%d: expected of at most %d", i, most)
		}
	}
	a.Close()
	if now := open(t); now != descriptors {
		t.Errorf("%d descriptors are open, before it were %d", now, descriptors)
	}
	a.Close()
}

func open(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
