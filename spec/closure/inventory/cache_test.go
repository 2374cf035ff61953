package inventory

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/internal/storepath"
)

const (
	hash  = "0123456789abcdfghijklmnpqrsvwxyz"
	pathA = storepath.Dir + "/" + hash + "-a"
	pathB = storepath.Dir + "/1" + "123456789abcdfghijklmnpqrsvwxyz" + "-b"
)

func TestCache(t *testing.T) {
	v := &Inventory{Paths: []string{pathA, pathB}, Bins: []string{pathA}, Sh: []string{pathA}, Env: []string{pathA}}
	dir := filepath.Join(t.TempDir(), "not", "yet")
	c := Cache{dir}
	if got := c.Load(pathA); got != nil {
		t.Fatalf("an empty cache holds %v", got)
	}
	if err := c.Store(pathA, v); err != nil {
		t.Fatal(err)
	}
	if got := c.Load(pathA); !reflect.DeepEqual(got, v) {
		t.Fatalf("got %v, want %v", got, v)
	}
	for p, want := range map[string]os.FileMode{
		filepath.Join(dir, "closure"): 0o700,
		c.file(pathA):                 0o600,
	} {
		if fi, err := os.Stat(p); err != nil || fi.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want mode %o", p, fi.Mode(), err, want)
		}
	}
	if l, _ := os.ReadDir(c.folder()); len(l) != 1 {
		t.Errorf("the cache holds more than the entry: %v", l)
	}

	long := storepath.Dir + "/" + hash + "-" + strings.Repeat("n", storepath.NameMax)
	if err := c.Store(long, &Inventory{Paths: []string{long}}); err != nil || c.Load(long) == nil {
		t.Errorf("the longest name: %v", err)
	}
	if (Cache{}).Store(pathA, v) != nil || (Cache{}).Load(pathA) != nil {
		t.Error("no folder must mean no cache")
	}
}

// Each case breaks one thing of a good entry: it must not count, and storing
// again must mend it where the folder is ours.
func TestCacheDistrust(t *testing.T) {
	good := `{"version":1,"root":"` + pathA + `","paths":["` + pathA + `","` + pathB + `"],"bins":["` + pathA + `"],"sh":["` + pathA + `"]}`
	replace := func(old, new string) func(*testing.T, Cache) {
		return func(t *testing.T, c Cache) {
			s := strings.Replace(good, old, new, 1)
			if s == good {
				t.Fatal("nothing was replaced")
			}
			if err := os.WriteFile(c.file(pathA), []byte(s), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	asRoot := func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("only root can make a file of another user")
		}
	}
	for name, tt := range map[string]struct {
		spoil  func(*testing.T, Cache)
		beyond bool // store cannot mend it
	}{
		"not JSON":         {spoil: replace(`{`, ``)},
		"cut off":          {spoil: replace(`}`, ``)},
		"more behind":      {spoil: replace(`}`, `}{}`)},
		"empty":            {spoil: replace(good, ``)},
		"other version":    {spoil: replace(`:1,`, `:2,`)},
		"other root":       {spoil: replace(`"root":"`+pathA, `"root":"`+pathB)},
		"root not in it":   {spoil: replace(`["`+pathA+`",`, `[`)},
		"traversal":        {spoil: replace(`,"`+pathB, `,"`+pathB+`/../../../etc`)},
		"host path":        {spoil: replace(`["`+pathA, `["/etc","`+pathA)},
		"unsorted":         {spoil: replace(`"`+pathA+`","`+pathB+`"`, `"`+pathB+`","`+pathA+`"`)},
		"twice":            {spoil: replace(`["`+pathA+`"`, `["`+pathA+`","`+pathA+`"`)},
		"bin not in it":    {spoil: replace(`"bins":["`+pathA, `"bins":["`+pathA+`x`)},
		"sh without a bin": {spoil: replace(`"sh":["`+pathA, `"sh":["`+pathB)},
		"group may write":  {spoil: func(t *testing.T, c Cache) { must(t, os.Chmod(c.file(pathA), 0o660)) }},
		"others may write": {spoil: func(t *testing.T, c Cache) { must(t, os.Chmod(c.file(pathA), 0o606)) }},
		"foreign":          {spoil: func(t *testing.T, c Cache) { asRoot(t); must(t, os.Chown(c.file(pathA), 1234, 1234)) }},
		"symlink": {spoil: func(t *testing.T, c Cache) {
			must(t, os.Rename(c.file(pathA), c.Dir+"/real"))
			must(t, os.Symlink(c.Dir+"/real", c.file(pathA)))
		}},
		"folder in its place": {beyond: true, spoil: func(t *testing.T, c Cache) {
			must(t, os.Remove(c.file(pathA)))
			must(t, os.Mkdir(c.file(pathA), 0o700))
		}},
		"folder is a link": {beyond: true, spoil: func(t *testing.T, c Cache) {
			must(t, os.Rename(c.folder(), c.Dir+"/real"))
			must(t, os.Symlink("real", c.folder()))
		}},
		"folder: group may write": {beyond: true, spoil: func(t *testing.T, c Cache) { must(t, os.Chmod(c.folder(), 0o770)) }},
		"parent: all may write":   {beyond: true, spoil: func(t *testing.T, c Cache) { must(t, os.Chmod(c.Dir, 0o1777)) }},
		"folder: foreign":         {beyond: true, spoil: func(t *testing.T, c Cache) { asRoot(t); must(t, os.Chown(c.folder(), 1234, -1)) }},
	} {
		t.Run(name, func(t *testing.T) {
			c := Cache{filepath.Join(t.TempDir(), "c")}
			v := &Inventory{Paths: []string{pathA, pathB}, Bins: []string{pathA}, Sh: []string{pathA}}
			must(t, c.Store(pathA, v))
			data, err := os.ReadFile(c.file(pathA))
			must(t, err)
			if string(data) != good {
				t.Fatalf("an entry is %s, not %s", data, good)
			}
			tt.spoil(t, c)
			if got := c.Load(pathA); got != nil {
				t.Fatalf("it counted: %v", got)
			}
			err = c.Store(pathA, v)
			if tt.beyond {
				if err == nil && c.Load(pathA) != nil {
					t.Error("it was mended")
				}
				if l, _ := filepath.Glob(c.folder() + "/.new-*"); len(l) > 0 {
					t.Errorf("left behind: %q", l)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(c.Load(pathA), v) {
				t.Errorf("it was not mended: %v", err)
			}
		})
	}
}

func TestCachePrune(t *testing.T) {
	entries, err := os.ReadDir(storepath.Dir)
	if err != nil {
		t.Skip(err)
	}
	kept := []string{"notes", hash + ".json", ".new-young"}
	for _, e := range entries {
		if storepath.Check(storepath.Dir+"/"+e.Name()) == nil {
			kept = append(kept, e.Name()+".json")
			break
		}
	}
	c := Cache{t.TempDir()}
	if err := os.Mkdir(c.folder(), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, n := range append([]string{".new-old", hash + "-gone.json"}, kept...) {
		p := filepath.Join(c.folder(), n)
		if err := os.WriteFile(p, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if n == ".new-old" {
			then := time.Now().Add(-2 * staleAfter)
			if err := os.Chtimes(p, then, then); err != nil {
				t.Fatal(err)
			}
		}
	}
	c.Prune()
	left, err := os.ReadDir(c.folder())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range left {
		names = append(names, e.Name())
	}
	slices.Sort(kept)
	if !slices.Equal(names, kept) {
		t.Errorf("left are %q, want %q", names, kept)
	}
}
