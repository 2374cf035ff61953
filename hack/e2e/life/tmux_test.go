package life

import (
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

func TestJobControlOfAShell(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	s := w.Screen()
	before := s.Settings()
	jail := []string{
		world.RequireVariable(t, "BIN"), "shell", "--closure", world.RequireVariable(t, "DEVENV_CLOSURE"), "--net", "none",
		"--env", "PS1=jail> ", "--", "bash", "--norc", "--noprofile", "-i",
	}
	s.Line("clear; " + world.CommandLine(jail) + "; echo ended-$?")
	s.Prompt("jail>")
	asked := 0
	size := func(want string) {
		t.Helper()
		s.Until("the size "+want, func() bool {
			asked++
			s.Line("echo \"size-" + world.Itoa(asked) + " $(stty size) end\"")
			answer := ""
			s.Until("an answer", func() bool {
				for _, l := range world.Lines(s.Shown()) {
					if rest, ok := strings.CutPrefix(l, "size-"+world.Itoa(asked)+" "); ok {
						answer = rest
					}
				}
				return answer != ""
			})
			return answer == want+" end"
		})
	}
	size("30 100")
	s.Resize("70", "20")
	size("20 70")

	// Ctrl-C ends what runs inside, not the jail.
	s.Line("echo begun-$((40 + 2)); sleep 1000")
	s.Wait("begun-42")
	time.Sleep(100 * time.Millisecond)
	s.Keys("C-c")
	s.Prompt("jail>")
	s.Line("echo status-$?")
	s.Wait("status-130")

	// Ctrl-Z stops a job of the shell inside.
	s.Line("echo again-$((40 + 2)); sleep 1000")
	s.Wait("again-42")
	time.Sleep(100 * time.Millisecond)
	s.Keys("C-z")
	s.Wait("Stopped")
	s.Prompt("jail>")
	s.Line("kill %1; echo inside-$((40 + 2))")
	s.Wait("inside-42")

	// The shell itself stops: the job of the host's shell does, and the
	// terminal is as it was; also when it is another size by then.
	for range 2 {
		s.Line("kill -STOP $$")
		s.Prompt("host>")
		if got := s.Settings(); got != before {
			t.Errorf("while stopped the terminal is\n%s\nwas\n%s", got, before)
		}
		s.Resize("90", "25")
		s.Line("jobs; fg")
		// fg prints the command line; then bash has the terminal again.
		s.Wait("Stopped")
		size("25 90")
		s.Resize("70", "20")
		size("20 70")
	}
	s.Line("exit 3")
	// "fg" is the command that the status is of.
	s.Prompt("host>")
	s.Line("echo status-$?")
	s.Wait("status-3")
	if got := s.Settings(); got != before {
		t.Errorf("after the end the terminal is\n%s\nwas\n%s", got, before)
	}
	if s := w.Git(w.Project, "status", "--porcelain", "--ignored"); s != "" {
		t.Errorf("left in the project: %s", s)
	}
}

// TestStoppedAgentWasShown: what an agent writes before it stops, such as the modes of
// the terminal that it sets back, is there before the shell of the host goes on.
func TestStoppedAgentWasShown(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	s := w.Screen()
	const script = `for i in 1 2 3 4 5 6 7 8 9; do printf '%3000s\r%3000s\r%3000s\r%s' x x x "shown-$((40 + i))."; kill -STOP $$; done; echo`
	jail := []string{world.RequireVariable(t, "BIN"), "shell", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--net", "none", "--", "bash", "-c", script}
	command := world.CommandLine(jail)
	for i := 1; i < 10; i++ {
		s.Line("clear; " + command + "; echo stopped-$((40 + " + world.Itoa(i) + ")).")
		s.Wait("stopped-" + world.Itoa(40+i) + ".")
		if shown := s.Shown(); !strings.Contains(shown, "shown-"+world.Itoa(40+i)+".") {
			t.Errorf("round %d: %q", i, shown)
		}
		command = "fg"
	}
	s.Line("clear; fg; echo ended-$?")
	s.Wait("ended-0")
}

// TestTerminalAfterAKilledAgent: whatever ends the agent, the terminal comes
// back.
func TestTerminalAfterAKilledAgent(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	s := w.Screen()
	before := s.Settings()
	for script, status := range map[string]string{"kill -9 $$": "137", "stty raw -echo; exit 4": "4", "nosuch; exit 127": "127"} {
		jail := []string{world.RequireVariable(t, "BIN"), "shell", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--net", "none", "--", "bash", "-c", script}
		s.Line("clear; " + world.CommandLine(jail) + "; echo ended-$?")
		s.Wait("ended-" + status)
		if got := s.Settings(); got != before {
			t.Errorf("after %q the terminal is\n%s\nwas\n%s", script, got, before)
		}
	}
}
