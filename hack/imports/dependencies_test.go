package imports

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// required are the modules of go.mod.
func required(t *testing.T) (paths []string) {
	t.Helper()
	var mod struct{ Require []struct{ Path string } }
	if err := json.Unmarshal(goTool(t, nil, "mod", "edit", "-json"), &mod); err != nil {
		t.Fatal(err)
	}
	for _, r := range mod.Require {
		paths = append(paths, r.Path)
	}
	return paths
}

// direct are the modules of others that packages and tests of this one import.
// They are looked up, for "// indirect" in go.mod is a comment.
func direct(t *testing.T) []string {
	t.Helper()
	modules := required(t)
	var found []string
	for _, p := range list(t, "./...") {
		for _, i := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if first, _, _ := strings.Cut(i, "/"); !strings.Contains(first, ".") || within(i, module) {
				continue
			}
			longest := ""
			for _, m := range modules {
				if within(i, m) && len(m) > len(longest) {
					longest = m
				}
			}
			if longest == "" {
				t.Errorf("%s imports %s, and no module of go.mod has it", p.name(), i)
			} else if !slices.Contains(found, longest) {
				found = append(found, longest)
			}
		}
	}
	slices.Sort(found)
	return found
}

// documented is one row of docs/dependencies.md.
var documented = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]+) \\| ([^|]+) \\| ([^|]+) \\|$")

// licences are those that agree with ours, Apache-2.0.
var licences = []string{"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC"}

func TestDependenciesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	want := direct(t)
	if len(want) < 8 {
		t.Fatalf("only %q", want)
	}
	var have []string
	for _, row := range documented.FindAllStringSubmatch(string(text), -1) {
		name, what, why, licence := row[1], row[2], row[3], row[4]
		have = append(have, name)
		if len(strings.Fields(what)) < 2 || len(strings.Fields(why)) < 3 {
			t.Errorf("%s: what for, and why this one? %q, %q", name, what, why)
		}
		if !slices.Contains(licences, licence) {
			t.Errorf("%s: the licence %q is none of %q", name, licence, licences)
		}
	}
	for _, m := range want {
		if !slices.Contains(have, m) {
			t.Errorf("docs/dependencies.md has no row for %s: what for, why this one, licence", m)
		}
	}
	for _, m := range have {
		if !slices.Contains(want, m) {
			t.Errorf("docs/dependencies.md has a row for %s, and nothing imports it", m)
		}
	}
	if !slices.IsSorted(have) || len(slices.Compact(slices.Clone(have))) < len(have) {
		t.Errorf("the rows are not sorted, or one is there twice: %q", have)
	}
}
