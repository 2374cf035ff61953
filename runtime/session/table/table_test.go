package table

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/session"
)

func jails(n int) (all []session.Listed) {
	for i := range n {
		all = append(all, session.Listed{Running: launch.Running{ID: fmt.Sprintf("%012x", i), Project: "/a\x1b]0;x\a"}})
	}
	return all
}

// TestDraw: a screen has as many lines as the terminal, the selected jail among
// them, and nothing of a jail's speaks to the terminal.
func TestDraw(t *testing.T) {
	for _, n := range []int{0, 1, 5, 300} {
		for _, height := range []int{4, 10, 24} {
			for _, selected := range []int{0, n / 2, n - 1} {
				v := view{jails: jails(n), choices: []string{"a.example", "b\x1b[2J"}}
				if selected >= 0 && n > 0 {
					v.selected = v.jails[selected].ID
				}
				v.say("a line\nb\x1b[31m\n" + strings.Repeat("more\n", 20))
				v.choices = []string{"a.example", "b\x1b[2J"}
				text := string(v.draw(40, height))
				if lines := strings.Count(text, "\r\n") + 1; lines > height {
					t.Errorf("%d jails on %d lines: %d", n, height, lines)
				}
				if n > 0 && !strings.Contains(text, invert+v.selected) {
					t.Errorf("%d jails on %d lines: %s is not there", n, height, v.selected)
				}
				for _, s := range []string{"\x1b[31m", "\x1b[2J", "\a", "\x1b]"} {
					if strings.Contains(text, s) {
						t.Errorf("%q is on the screen", s)
					}
				}
				if !strings.Contains(text, keysLine) {
					t.Errorf("%d jails on %d lines: no keys", n, height)
				}
			}
		}
	}
}

// TestSelected: the selection stays with its jail, and goes to the first one when
// that has ended.
func TestSelected(t *testing.T) {
	v := view{jails: jails(3)}
	v.selected = v.jails[2].ID
	v.jails = v.jails[1:]
	if v.at() != 1 {
		t.Errorf("%d", v.at())
	}
	v.jails = v.jails[:1]
	if v.at() != 0 {
		t.Errorf("%d", v.at())
	}
}

func TestKeys(t *testing.T) {
	for typed, want := range map[string][]key{
		"jq":            {"j", "q"},
		"\x1b[A\x1bOBk": {up, down, "k"},
		"\x1b[1;5Aq":    {"\x1b[1;5A", "q"},
		"\x1b":          {"\x1b"},
		"\x1b[":         {"\x1b", "["},
	} {
		rest := []byte(typed)
		for _, w := range want {
			var k key
			if k, rest = next(rest); k != w {
				t.Errorf("%q: %q, not %q", typed, k, w)
			}
		}
		if len(rest) > 0 {
			t.Errorf("%q: %q is left", typed, rest)
		}
	}
}

// TestWrapped: a message is shown to its end on a narrow screen, word by word where
// it has words.
func TestWrapped(t *testing.T) {
	for line, want := range map[string]string{
		"": "", "short": "short", "0123456789": "0123456789", "01234567890": "0123456789|0", "one two three": "one two|three", "ééééééééééé": "éééééééééé|é",
		"a 012345678901234": "a 01234567|8901234",
	} {
		if got := strings.Join(wrapped([]string{line}, 10), "|"); got != want {
			t.Errorf("%q: %q, not %q", line, got, want)
		}
	}
}
