package receipt

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jailed-claude/jailed-claude/bundle/review/upper"
	"github.com/jailed-claude/jailed-claude/internal/digest"
)

// TestEncode: what is signed is what DSSE says, or no other program could verify it.
func TestEncode(t *testing.T) {
	if got := string(Encode([]byte("hello world"))); got != "DSSEv1 28 application/vnd.in-toto+json 11 hello world" {
		t.Errorf("%q", got)
	}
}

// TestNoTime: a statement that does not say from when to when is no receipt.
func TestNoTime(t *testing.T) {
	s, err := Parse(statement(t, "abc"))
	if err != nil {
		t.Fatal(err)
	}
	s.Predicate.Session.Started, s.Predicate.Session.Ended = time.Time{}, time.Time{}
	text, err := s.Render()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(text); err == nil {
		t.Error("it is good")
	}
}

// TestSubjects: a subject is found by its name, wherever it stands.
func TestSubjects(t *testing.T) {
	s := New([]byte("{}\n"))
	s.Subject = append([]Subject{NewSubject(LayerName, digest.Of(nil))}, s.Subject...)
	if s.Of(ConfigName) != digest.Of([]byte("{}\n")) || s.Of(LayerName) != digest.Of(nil) || s.Of("other") != "" {
		t.Errorf("%q %q %q", s.Of(ConfigName), s.Of(LayerName), s.Of("other"))
	}
}

// TestText: two names that are not text stay two in a receipt.
func TestText(t *testing.T) {
	a, b := Text("a\xff"), Text("a\xfe")
	if a == b || !utf8.ValidString(a) || !utf8.ValidString(b) || Text("ä") != "ä" {
		t.Errorf("%q %q", a, b)
	}
}

// TestLayerLine: whatever differs between two changes differs in what is digested, and
// no name of a file passes for more lines.
func TestLayerLine(t *testing.T) {
	state := func(change func(*upper.State)) *upper.State {
		s := &upper.State{Kind: upper.File, Mode: 0o644, Size: 1, Digest: "ab"}
		change(s)
		return s
	}
	none := func(*upper.State) {}
	seen := map[string]string{}
	for name, c := range map[string]struct {
		lower string
		upper.Change
	}{
		"one":           {"/p", upper.Change{Path: "a", New: state(none)}},
		"another layer": {"/q", upper.Change{Path: "a", New: state(none)}},
		"another path":  {"/p", upper.Change{Path: "b", New: state(none)}},
		"another kind":  {"/p", upper.Change{Path: "a", New: state(func(s *upper.State) { s.Kind = upper.Folder })}},
		"another mode":  {"/p", upper.Change{Path: "a", New: state(func(s *upper.State) { s.Mode = 0o755 })}},
		"another text":  {"/p", upper.Change{Path: "a", New: state(func(s *upper.State) { s.Digest = "ac" })}},
		"deleted":       {"/p", upper.Change{Path: "a"}},
		"another gone":  {"/p", upper.Change{Path: "b"}},
		"unread":        {"/p", upper.Change{Path: "a", Unread: true, New: state(none)}},
		"another size":  {"/p", upper.Change{Path: "a", Unread: true, New: state(func(s *upper.State) { s.Size = 2 })}},
		"two lines":     {"/p", upper.Change{Path: "a\" deleted\n\"/p\" \"b"}},
		"three lines":   {"/p", upper.Change{Path: "a\nb\nc", New: state(none)}},
		"a space":       {"/p", upper.Change{Path: "a file", New: state(none)}},
	} {
		var b strings.Builder
		LayerLine(&b, c.lower, &c.Change)
		if other, ok := seen[b.String()]; ok || strings.Count(b.String(), "\n") != 1 {
			t.Errorf("%s: %q, as %s", name, b.String(), other)
		}
		seen[b.String()] = name
	}
}
