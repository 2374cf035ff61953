package size

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Lines, those of comments included.
const (
	ofFile    = 400
	ofPackage = 2000
	ofCommand = 1500 // of cmd/jailed-claude: what is not the command line has a package below
)

// over are files and packages that are larger than they should be, with the
// lines that they may have. These only get fewer.
var over = map[string]int{}

// code are the lines of the files that a person reads to know what the program
// does, by their paths.
func code(t *testing.T, tree fs.FS) map[string]int {
	t.Helper()
	lines := map[string]int{}
	err := fs.WalkDir(tree, ".", func(p string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (p == "bin" || p == "dist" || p == "vendor" || p == ".git" || e.Name() == "testdata"):
			return fs.SkipDir
		case !e.Type().IsRegular() || strings.HasSuffix(p, "_test.go") || !slices.Contains([]string{".go", ".c", ".h", ".sh", ".nix"}, path.Ext(p)):
			return nil
		}
		text, err := fs.ReadFile(tree, p)
		lines[p] = bytes.Count(text, []byte("\n"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// tooLarge says which files and packages are over their bounds.
func tooLarge(lines, over map[string]int) (all map[string]int) {
	all = map[string]int{}
	packages := map[string]int{}
	for p, n := range lines {
		if n > max(ofFile, over[p]) {
			all[p] = n
		}
		switch path.Ext(p) {
		case ".go", ".c", ".h":
			packages[path.Dir(p)] += n
		}
	}
	for p, n := range packages {
		most := ofPackage
		if p == "cmd/jailed-claude" {
			most = ofCommand
		}
		if n > max(most, over[p]) {
			all[p] = n
		}
	}
	return all
}

func TestSizes(t *testing.T) {
	lines := code(t, os.DirFS(filepath.Join("..", "..")))
	if lines["spec/build.go"] == 0 || lines["hack/test.sh"] == 0 {
		t.Fatalf("%d files are counted, and not those that are there", len(lines))
	}
	large := tooLarge(lines, over)
	for _, p := range slices.Sorted(maps.Keys(large)) {
		t.Errorf("%s has %d lines; a file has at most %d, a package %d, the command line %d: divide it by subject", p, large[p], ofFile, ofPackage, ofCommand)
	}
}

func TestBounds(t *testing.T) {
	got := slices.Sorted(maps.Keys(tooLarge(map[string]int{
		"a/a.go": 400, "a/b.c": 401,
		"b/a.go": 400, "b/b.go": 400, "b/c.go": 400, "b/d.h": 400, "b/e.go": 400, "b/f.go": 1,
		"cmd/jailed-claude/a.go": 400, "cmd/jailed-claude/b.go": 400, "cmd/jailed-claude/c.go": 400, "cmd/jailed-claude/d.go": 301,
		"c/a.sh": 401,
		"d/a.go": 400, "d/b.go": 400, "d/c.go": 400, "d/d.go": 400, "d/e.go": 400, "d/f.go": 100,
	}, map[string]int{"d": 2100})))
	want := []string{"a/b.c", "b", "c/a.sh", "cmd/jailed-claude"}
	if !slices.Equal(got, want) {
		t.Errorf("too large: %q, want %q", got, want)
	}
}
