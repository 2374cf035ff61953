package git

import (
	"slices"
	"testing"
)

func TestParseGitConfig(t *testing.T) {
	text := "\ufeff; comment\n[core] bare\n\thooksPath = a\\\n b # c\n[Remote \"A \\\"b\\\" ]\"]\n Url = \" x ; y \" # z\n[a.B]\nc=1\n[include]path=\"q\\\\r\\t\"\nempty =\n[broken\nd = 2"
	want := []string{
		"core.bare=true", "core.hookspath=a b", `remote.A "b" ].url= x ; y `, "a.b.c=1", "include.path=q\\r\t", "include.empty=", ".d=2",
	}
	var got []string
	for _, s := range ParseConfig(text) {
		got = append(got, s.Key+"="+s.Value)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func FuzzParseGitConfig(f *testing.F) {
	f.Add("[a \"b\"]\nc = \"d\\\n# e")
	f.Fuzz(func(t *testing.T, text string) { ParseConfig(text) })
}
