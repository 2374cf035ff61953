package policy

import (
	"bytes"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func TestStarter(t *testing.T) {
	all := []string{"git", "node", "go", "rust", "python", "nix"}
	for name, found := range map[string][]string{
		"nothing": nil, "everything": all, "go": {"go"}, "unknown": {"cobol", ""}, "nix": {"nix"}, "twice": {"go", "go"},
	} {
		t.Run(name, func(t *testing.T) {
			text := Starter(found)
			l, err := Parse("starter", text)
			if err != nil {
				t.Fatal(err)
			}
			p, err := Merge(l)
			if err != nil {
				t.Fatal(err)
			}
			if want := Default(); !reflect.DeepEqual(p, want) {
				t.Errorf("the starter policy is more than the default: %+v", p)
			}

			// Every suggestion is valid, all of them together.
			uncommented := regexp.MustCompile(`(?m)^#([^ \n:])`).ReplaceAll(text, []byte("$1"))
			l, err = Parse("starter", uncommented)
			if err != nil {
				t.Fatalf("the suggestions:\n%v\n%s", err, uncommented)
			}
			if _, err := Merge(l); err != nil {
				t.Error(err)
			}
			if len(l.Files.Write) == 0 || l.Limits.CPUs == nil {
				t.Error("the suggestions were not uncommented")
			}
		})
	}

	if !strings.Contains(string(Starter([]string{"go"})), "~/.cache/go-build") {
		t.Error("no cache for Go")
	}
	if strings.Contains(string(Starter(nil)), "~/.cache/go-build") {
		t.Error("a cache for Go where there is none")
	}
	if !bytes.Equal(Starter([]string{"go", "nix"}), Starter([]string{"nix", "go", "go"})) {
		t.Error("order and doubles matter")
	}
}
