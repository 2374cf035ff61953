package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/suite"
)

const root = "../.."

// tree is what a document can name.
type tree struct {
	tests   map[string]bool // and fuzz targets
	classes []string
	targets map[string]bool // of make
	exists  func(path string) bool
}

var (
	testFunction = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	target       = regexp.MustCompile(`(?m)^([a-z-]+):`)
	code         = regexp.MustCompile("`([^`\n]+)`")
	testName     = regexp.MustCompile(`^(?:Test|Fuzz)[A-Z]\w*$`)
	path         = regexp.MustCompile(`^(?:hack|runtime|spec|bundle|cmd|docs)(?:/[\w./-]+)?$`)
	promise      = regexp.MustCompile(`(?m)^([0-9]+)\. \w`)
	row          = regexp.MustCompile(`(?m)^\| ([0-9]+)\. ([^|]+) \| ([^|]+) \| ([^|]*)\|$`)
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func readTree(t *testing.T) tree {
	t.Helper()
	all := tree{tests: map[string]bool{}, classes: suite.Classes(), targets: map[string]bool{}, exists: func(p string) bool {
		_, err := os.Stat(filepath.Join(root, p))
		return err == nil
	}}
	for _, m := range target.FindAllStringSubmatch(read(t, "Makefile"), -1) {
		all.targets[m[1]] = true
	}
	for _, dir := range []string{"bundle", "cmd", "hack", "runtime", "spec"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(p string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(p, "_test.go") {
				return err
			}
			text, err := os.ReadFile(p)
			for _, m := range testFunction.FindAllSubmatch(text, -1) {
				all.tests[string(m[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// missing are the names in the text that nothing has.
func (all tree) missing(text string) (names []string) {
	for _, m := range code.FindAllStringSubmatch(text, -1) {
		name := m[1]
		make, isMake := strings.CutPrefix(name, "make ")
		switch {
		case testName.MatchString(name) && !all.tests[name],
			isMake && !all.targets[make],
			path.MatchString(name) && !all.exists(name):
			names = append(names, name)
		}
	}
	// The last column of the table is of classes.
	for _, r := range row.FindAllStringSubmatch(text, -1) {
		for _, m := range code.FindAllStringSubmatch(r[4], -1) {
			if !slices.Contains(all.classes, m[1]) {
				names = append(names, m[1])
			}
		}
	}
	return names
}

// TestSecurity: what SECURITY.md says of tests is so.
func TestSecurity(t *testing.T) {
	text, all := read(t, "SECURITY.md"), readTree(t)
	for _, name := range all.missing(text) {
		t.Errorf("SECURITY.md names %q, and there is none", name)
	}
	// A row for each promise, with tests; and no class of attacks forgotten.
	_, design, _ := strings.Cut(read(t, "docs/design.md"), "\n## Promises\n")
	promises, rows := promise.FindAllStringSubmatch(design, -1), row.FindAllStringSubmatch(text, -1)
	if len(promises) < 8 || len(promises) != len(rows) {
		t.Fatalf("%d promises in docs/design.md, %d rows in SECURITY.md", len(promises), len(rows))
	}
	classes := ""
	for i, r := range rows {
		if r[1] != promises[i][1] || len(code.FindAllString(r[3], -1)) < 3 {
			t.Errorf("the row %q is not the one of promise %s, or has hardly a test", r[2], promises[i][1])
		}
		classes += r[4]
	}
	for _, c := range all.classes {
		if !strings.Contains(classes, "`"+c+"`") {
			t.Errorf("no promise has the class %q of audit", c)
		}
	}
}

// TestMissing: names that do not exist are found, others are left alone.
func TestMissing(t *testing.T) {
	all := tree{
		tests: map[string]bool{"TestThere": true, "FuzzThere": true}, classes: []string{"files"}, targets: map[string]bool{"test": true},
		exists: func(p string) bool { return p == "hack/there" },
	}
	for text, want := range map[string][]string{
		"`TestThere` and `FuzzThere`, `make test`, `hack/there`, `spec.Check`, TestGone": nil,
		"`TestGone`": {"TestGone"}, "`FuzzGone`": {"FuzzGone"}, "`make gone`": {"make gone"}, "`hack/gone`": {"hack/gone"}, "`TestTher`": {"TestTher"},
		"| 1. a | `TestThere` | `files`, `gone` |": {"gone"},
	} {
		if got := all.missing(text); !slices.Equal(got, want) {
			t.Errorf("%s: %q, not %q", text, got, want)
		}
	}
}
