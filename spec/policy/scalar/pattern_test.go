package scalar

import (
	"strings"
	"testing"
)

func TestCheckPattern(t *testing.T) {
	for _, group := range []struct {
		heading  string
		problem  string
		patterns []string
	}{
		{"fine", "", []string{
			".env", ".env.*", "secrets/", "/secrets", "*.pem", "**/key", "a/**/b", "/a/b/", "[ab]x", "[!a]x", "[]]", `\!x`, `\#x`,
			`\[x`, "a b", "a~", "x..", "...", "**", "*", `[a\]b]`, "ümlaut", "/etc/passwd", "a]",
		}},
		{"traps: traversal", `".."`, []string{"..", "../x", "/..", "/../x", "a/../b", "a/..", "a/../"}},
		{"traps: negation", "take back", []string{"!", "!.env", "!/a"}},
		{"traps: match nothing", "nothing", []string{"./x", "a/./b", "a//b", "//a", "a//", `a\`, "[a", "[", "[]", "[!]", "[a/]b", `[a\]`}},
		{"traps: comment", "comment", []string{"#", "#x"}},
		{"traps: home", "home", []string{"~", "~/.ssh"}},
		{"traps: no name", "names no file", []string{"/", "//", "///"}},
		{"traps: lost space", "space", []string{".env ", " "}},
		{"bytes", "control character", []string{"a\nb", "a\x00", "\r", "a\tb"}},
		{"bytes: not UTF-8", "UTF-8", []string{"a\xff"}},
		{"bytes: none", "empty", []string{""}},
	} {
		t.Run(group.heading, func(t *testing.T) {
			for _, p := range group.patterns {
				got := Pattern(p)
				switch {
				case group.problem == "" && got != "":
					t.Errorf("%q is refused: %s", p, got)
				case group.problem != "" && got == "":
					t.Errorf("%q is accepted", p)
				case !strings.Contains(got, group.problem):
					t.Errorf("%q: the problem %q does not speak of %q", p, got, group.problem)
				}
			}
		})
	}
}
