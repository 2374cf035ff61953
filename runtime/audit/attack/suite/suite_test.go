package suite

import (
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// TestSuite: every attack says what it is.
func TestSuite(t *testing.T) {
	all := All()
	if len(all) < 120 {
		t.Errorf("%d attacks are too few", len(all))
	}
	seen := map[string]bool{}
	for _, a := range all {
		if seen[a.Name] {
			t.Errorf("%s is there twice", a.Name)
		}
		seen[a.Name] = true
		if a.Name == "" || a.Class == "" || a.Promise == "" || a.Success == "" || a.Run == nil {
			t.Errorf("%+v lacks something", a)
		}
		if strings.ContainsAny(a.Name, " /._") && !strings.HasPrefix(a.Name, "name-") {
			t.Errorf("%q is no name", a.Name)
		}
	}
	if n := len(Classes()); n < 10 {
		t.Errorf("%d classes", n)
	}
}

// TestClassesOnly: who asks for some classes gets those, and no other by a
// wrong name.
func TestClassesOnly(t *testing.T) {
	b := attack.Bait{Classes: []string{"hidden", "netlink"}}
	n := map[string]int{}
	for _, a := range Of(&b) {
		n[a.Class]++
	}
	if len(n) != 2 || n["hidden"] < 5 || n["netlink"] < 5 {
		t.Errorf("%v", n)
	}
	b.Classes = nil
	if got, want := len(Of(&b)), len(All()); got != want {
		t.Errorf("%d attacks without classes, of %d", got, want)
	}
}
