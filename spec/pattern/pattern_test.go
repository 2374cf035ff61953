package pattern

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// matches plays the walk for one path: it goes down component by component and
// stops at a match, as the walk does.
func matches(p *Pattern, path string, dir bool) bool {
	states := []State{Begin(p, true)}
	parts := strings.Split(path, "/")
	for i, name := range parts {
		isDir := dir || i < len(parts)-1
		done, next := Step(Open(states), name, isDir)
		if done != nil {
			return true
		}
		states = next
	}
	return false
}

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		// Names.
		{".env", ".env", true},
		{".env", "a/b/.env", true},
		{".env", ".envrc", false},
		{".env", "a.env", false},
		{".env.*", ".env.local", true},
		{".env.*", ".env", false},
		{"*.pem", "x/y.pem", true},
		{"*", ".hidden", true},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"a**c", "abbbc", true},
		// Folders only: a trailing slash in the path means a folder.
		{"secrets/", "secrets/", true},
		{"secrets/", "secrets", false},
		{"secrets/", "a/secrets/", true},
		{"secrets/", "a/secrets/key", true},
		{"secrets", "secrets/key", true},
		// Anchors.
		{"/a", "a", true},
		{"/a", "b/a", false},
		{"a/b", "a/b", true},
		{"a/b", "x/a/b", false},
		{"a/b/", "a/b", false},
		{"a//b", "a/b", true},
		{"a/*/c", "a/b/c", true},
		{"a/*/c", "a/b/b/c", false},
		{"a/*", "a/b", true},
		// "**".
		{"**/a", "a", true},
		{"**/a", "x/y/a", true},
		{"a/**/b", "a/b", true},
		{"a/**/b", "a/x/y/b", true},
		{"a/**/b", "x/a/b", false},
		{"a/**", "a/", false},
		{"a/**", "a/b", true},
		{"**/a/**/b/**", "x/a/y/b/c", true},
		{"**", "a", true},
		// Classes and escapes.
		{"[abc].key", "b.key", true},
		{"[!abc].key", "b.key", false},
		{"[^abc].key", "d.key", true},
		{"[a-c]x", "bx", true},
		{"[a-c]x", "dx", false},
		{"[]a]x", "]x", true},
		{"[a-]x", "-x", true},
		{`[\]]x`, "]x", true},
		{`\*`, "*", true},
		{`\*`, "a", false},
		{`\!a`, "!a", true},
		{"#a", "#a", true},
		{"a b ", "a b ", true},
		{"*.log\n", "x.log\n", true},
		{"${HOME}", "${HOME}", true},
		// Byte by byte, as git.
		{"?", "\xff", true},
		{"??", "é", true},
		{"*", "\xff\n", true},
		// Giants.
		{".env", "node_modules/x/.env", false},
		{".env", ".git/.env", false},
		{"node_modules", "a/node_modules/", true},
		{"node_modules/x/.env", "node_modules/x/.env", true},
		{"node_modules/**/.env", "node_modules/x/node_modules/y/.env", true},
		{"*/.env", "node_modules/.env", true},
		{".git/config", ".git/config", true},
	} {
		p, err := Parse(c.pattern)
		if err != nil {
			t.Errorf("%q: %v", c.pattern, err)
			continue
		}
		path, dir := strings.CutSuffix(c.path, "/")
		if got := matches(p, path, dir); got != c.want {
			t.Errorf("%q matches %q: %v, want %v", c.pattern, c.path, got, c.want)
		}
	}
}

func TestPatternRefused(t *testing.T) {
	for _, text := range []string{
		"", "/", "//", "!a", "a\x00b", "\xff", "..", "a/../b", "./a", "a/.", "[a", "[", "[a-", `a\`, `[\`, "[]",
	} {
		if _, err := Parse(text); !errors.As(err, new(*Error)) {
			t.Errorf("%q: %v, want an *Error", text, err)
		}
	}
}

func TestGlobIsNotExponential(t *testing.T) {
	start := time.Now()
	if glob(strings.Repeat("a*", 100)+"b", strings.Repeat("a", 255)) {
		t.Error("matches")
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("took %v", d)
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("[a-z]*?", "abc")
	f.Add(`\[`, "[")
	f.Fuzz(func(t *testing.T, pat, name string) {
		p, err := Parse(pat)
		if err != nil || strings.Contains(name, "/") || name == "" {
			return
		}
		matches(p, name, true)
	})
}
