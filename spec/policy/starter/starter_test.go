package starter

import (
	"bytes"
	"flag"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/policy"
)

var update = flag.Bool("update", false, "write testdata again")

// TestGolden: package policy tests itself with what this package writes.
func TestGolden(t *testing.T) {
	const file = "../testdata/starter.toml"
	got := Policy([]string{"git", "node", "go", "rust", "python", "nix"})
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update writes it again), %v:\n%s", file, err, got)
	}
}

func TestStarter(t *testing.T) {
	all := []string{"git", "node", "go", "rust", "python", "nix"}
	for name, found := range map[string][]string{
		"nothing": nil, "everything": all, "go": {"go"}, "unknown": {"cobol", ""}, "nix": {"nix"}, "twice": {"go", "go"},
	} {
		t.Run(name, func(t *testing.T) {
			text := Policy(found)
			l, err := policy.Parse("starter", text)
			if err != nil {
				t.Fatal(err)
			}
			p, err := policy.Merge(l)
			if err != nil {
				t.Fatal(err)
			}
			if want := policy.Default(); !reflect.DeepEqual(p, want) {
				t.Errorf("the starter policy is more than the default: %+v", p)
			}

			// Every suggestion is valid, all of them together.
			uncommented := regexp.MustCompile(`(?m)^#([^ \n:])`).ReplaceAll(text, []byte("$1"))
			l, err = policy.Parse("starter", uncommented)
			if err != nil {
				t.Fatalf("the suggestions:\n%v\n%s", err, uncommented)
			}
			if _, err := policy.Merge(l); err != nil {
				t.Error(err)
			}
			if len(l.Files.Write) == 0 || l.Limits.CPUs == nil {
				t.Error("the suggestions were not uncommented")
			}
		})
	}

	if !strings.Contains(string(Policy([]string{"go"})), "~/.cache/go-build") {
		t.Error("no cache for Go")
	}
	if strings.Contains(string(Policy(nil)), "~/.cache/go-build") {
		t.Error("a cache for Go where there is none")
	}
	if !bytes.Equal(Policy([]string{"go", "nix"}), Policy([]string{"nix", "go", "go"})) {
		t.Error("order and doubles matter")
	}
}
