package suite

import (
	"maps"
	"slices"
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
	b := attack.Bait{Only: []string{"hidden", "netlink", "tiocsti"}}
	n := map[string]int{}
	for _, a := range Of(&b) {
		n[a.Class]++
	}
	if len(n) != 3 || n["hidden"] < 5 || n["netlink"] < 5 || n["terminal"] != 1 {
		t.Errorf("%v", n)
	}
	for _, c := range Classes() {
		if slices.ContainsFunc(All(), func(a attack.Attack) bool { return a.Name == c }) {
			t.Errorf("%q is a class and an attack", c)
		}
	}
	if got := Unknown([]string{"hidden", "tiocsti", "hide"}); got != "hide" {
		t.Errorf("unknown: %q", got)
	}
	b.Only = nil
	if got, want := len(Of(&b)), len(All()); got != want {
		t.Errorf("%d attacks without classes, of %d", got, want)
	}
}

// TestRead: what a wrapper prints is passed over, and a report that ends
// early says where.
func TestRead(t *testing.T) {
	whole := "hello\n" + `{"attack":"a"}` + "\n" + `{"attack":"a","is":{"result":"held","detail":"EPERM"}}` + "\n{}\n" + `{"attack":"b"}` + "\n"
	for text, want := range map[string]string{whole: "b", whole + `{"attack":"end"}`: "", "": "", "{": ""} {
		got, last, err := Read(strings.NewReader(text), func(string) {})
		if err != nil || last != want {
			t.Errorf("%q: last %q, %v", text, last, err)
		}
		if strings.HasPrefix(text, "hello") && !maps.Equal(got, map[string]attack.Result{"a": {Verdict: attack.Held, Detail: "EPERM"}}) {
			t.Errorf("%q: %v", text, got)
		}
	}
}
