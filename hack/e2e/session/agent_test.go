package session

import (
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestAgentScreen: the real agent's screen after attaching again is the one before,
// in a terminal of the same size and in another one; and it goes on when the
// terminal closes, as was asked for.
func TestAgentScreen(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Seed()
	url, _ := w.FakeAPI([]map[string]any{{"text": "hello from the script"}, {"text": "hello once more"}})
	s := w.Screen()
	s.Line("clear")
	s.Line(world.CommandLine(append([]string{world.RequireVariable(t, "BIN"), "run", "--on-hangup", "detach"}, w.AgentFlags("DEVENV", url)...)))
	s.Wait("Claude Code")
	all := running(w)
	if len(all) != 1 {
		t.Fatalf("%+v", all)
	}
	j := all[0]
	endsWithTest(w, j)
	s.Line("say hello")
	s.Wait("hello from the script")
	attach := func() {
		t.Helper()
		s.Line("clear; " + world.RequireVariable(t, "BIN") + " attach --detach-keys ctrl-o,d")
	}
	// steady is the screen when nothing on it changes any more.
	steady := func() (shown string) {
		t.Helper()
		s.Until("the screen to be steady", func() bool {
			before := s.Shown()
			time.Sleep(700 * time.Millisecond)
			shown = s.Shown()
			return shown == before && strings.Contains(shown, "hello from the script")
		})
		// Hints that come and go by themselves.
		for _, hint := range []string{"◐ medium · /effort", " · ← for agents"} {
			shown = strings.ReplaceAll(shown, hint, "")
		}
		var lines []string
		for l := range strings.SplitSeq(shown, "\n") {
			lines = append(lines, strings.TrimRight(l, " "))
		}
		return strings.Join(lines, "\n")
	}
	detach := func(keys ...string) {
		t.Helper()
		for _, k := range keys {
			s.Keys(k)
		}
		s.Wait("to come back: jailed-claude attach " + j.ID)
		s.Line("clear")
		s.Prompt("host>")
		if on := strings.TrimSpace(s.Tmux("display-message", "-p", "#{cursor_flag} #{mouse_any_flag}")); on != "1 0" {
			t.Errorf("cursor and mouse after detaching: %q, want 1 0", on)
		}
	}
	// The first time the command line of the shell is above.
	steady()
	detach("C-p", "C-q")
	attach()
	before := steady()
	detach("C-o", "d")
	attach()
	if after := steady(); after != before {
		t.Errorf("the screen was\n%s\nand is\n%s", before, after)
	}
	s.Line("say it again")
	s.Wait("hello once more")
	detach("C-o", "d")
	s.Resize("70", "24")
	attach()
	s.Wait("hello once more")
	wide := 0
	for _, l := range world.Lines(steady()) {
		wide = max(wide, len([]rune(l)))
	}
	if wide > 70 {
		t.Errorf("%d columns of 70", wide)
	}
	// The terminal closes.
	s.Tmux("respawn-pane", "-k", "exec env PS1='host> ' bash --norc --noprofile -i")
	s.Prompt("host>")
	if r := in(w, j, "true"); r.Status != 0 {
		t.Errorf("the jail ended with the terminal: %s", r)
	}
	attach()
	s.Wait("hello once more")
	s.Line("/exit")
	s.Prompt("host>")
	s.Line("echo status-$?")
	s.Wait("status-0")
}
