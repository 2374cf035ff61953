package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// screen is a terminal with a shell of the host in it, by tmux.
type screen struct {
	w      *world
	socket string
}

func (w *world) screen() *screen {
	w.t.Helper()
	requireTool(w.t, "tmux")
	s := &screen{w: w, socket: filepath.Join(w.dir, "tmux")}
	s.tmux("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", "exec env HISTFILE= PS1='host> ' bash --norc --noprofile -i",
		";", "set-option", "-g", "status", "off", ";", "set-option", "-g", "default-terminal", "tmux-256color")
	w.t.Cleanup(func() { s.tmux("kill-server") })
	s.resize("100", "30")
	s.wait("host>")
	return s
}

func (s *screen) tmux(args ...string) string {
	s.w.t.Helper()
	c := exec.Command("tmux", append([]string{"-S", s.socket}, args...)...)
	c.Dir, c.Env = s.w.project, s.w.environ()
	out, err := c.CombinedOutput()
	if err != nil {
		s.w.t.Fatalf("tmux %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (s *screen) shown() string { return s.tmux("capture-pane", "-p") }

// keys sends keys by tmux's names; line types a line.
func (s *screen) keys(names ...string) {
	s.w.t.Helper()
	s.tmux(append([]string{"send-keys"}, names...)...)
}

func (s *screen) line(text string) {
	s.w.t.Helper()
	s.tmux("send-keys", "-l", text)
	s.keys("Enter")
}

func (s *screen) resize(width, height string) {
	s.w.t.Helper()
	s.tmux("resize-window", "-x", width, "-y", height)
}

// wait waits until the screen shows a text.
func (s *screen) wait(text string) {
	s.w.t.Helper()
	s.until("the screen to show "+text, func() bool { return strings.Contains(s.shown(), text) })
}

// prompt waits until the last line is a prompt with nothing behind it.
func (s *screen) prompt(text string) {
	s.w.t.Helper()
	s.until("the prompt "+text, func() bool {
		shown := lines(s.shown())
		return len(shown) > 0 && strings.TrimSpace(shown[len(shown)-1]) == text
	})
}

func (s *screen) until(what string, holds func() bool) {
	s.w.t.Helper()
	for end := time.Now().Add(deadline / 3); !holds(); time.Sleep(30 * time.Millisecond) {
		if time.Now().After(end) {
			s.w.t.Fatalf("waited in vain for %s; the screen:\n%s", what, s.shown())
		}
	}
}

// settings are those of the terminal, as the host's shell finds them.
func (s *screen) settings() string {
	s.w.t.Helper()
	file := filepath.Join(s.w.dir, "settings")
	s.line("clear; stty -a >" + file + "; echo saved-$?")
	s.wait("saved-0")
	return strings.Join(lines(s.w.read(file))[1:], "\n") // without the size
}

// commandLine is for a shell.
func commandLine(args []string) string {
	var quoted []string
	for _, a := range args {
		quoted = append(quoted, "'"+strings.ReplaceAll(a, "'", `'\''`)+"'")
	}
	return strings.Join(quoted, " ")
}

func TestJobControlOfAShell(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.screen()
	before := s.settings()
	jail := []string{requireVariable(t, "BIN"), "shell", "--closure", requireVariable(t, "DEVENV_CLOSURE"), "--net", "none",
		"--env", "PS1=jail> ", "--", "bash", "--norc", "--noprofile", "-i"}
	s.line("clear; " + commandLine(jail) + "; echo ended-$?")
	s.prompt("jail>")
	asked := 0
	size := func(want string) {
		t.Helper()
		s.until("the size "+want, func() bool {
			asked++
			s.line("echo \"size-" + itoa(asked) + " $(stty size) end\"")
			answer := ""
			s.until("an answer", func() bool {
				for _, l := range lines(s.shown()) {
					if rest, ok := strings.CutPrefix(l, "size-"+itoa(asked)+" "); ok {
						answer = rest
					}
				}
				return answer != ""
			})
			return answer == want+" end"
		})
	}
	size("30 100")
	s.resize("70", "20")
	size("20 70")

	// Ctrl-C ends what runs inside, not the jail.
	s.line("echo begun-$((40 + 2)); sleep 1000")
	s.wait("begun-42")
	time.Sleep(100 * time.Millisecond)
	s.keys("C-c")
	s.prompt("jail>")
	s.line("echo status-$?")
	s.wait("status-130")

	// Ctrl-Z stops a job of the shell inside.
	s.line("echo again-$((40 + 2)); sleep 1000")
	s.wait("again-42")
	time.Sleep(100 * time.Millisecond)
	s.keys("C-z")
	s.wait("Stopped")
	s.prompt("jail>")
	s.line("kill %1; echo inside-$((40 + 2))")
	s.wait("inside-42")

	// The shell itself stops: the job of the host's shell does, and the
	// terminal is as it was; also when it is another size by then.
	for range 2 {
		s.line("kill -STOP $$")
		s.prompt("host>")
		if got := s.settings(); got != before {
			t.Errorf("while stopped the terminal is\n%s\nwas\n%s", got, before)
		}
		s.resize("90", "25")
		s.line("jobs; fg")
		// fg prints the command line; then bash has the terminal again.
		s.wait("Stopped")
		size("25 90")
		s.resize("70", "20")
		size("20 70")
	}
	s.line("exit 3")
	// "fg" is the command that the status is of.
	s.prompt("host>")
	s.line("echo status-$?")
	s.wait("status-3")
	if got := s.settings(); got != before {
		t.Errorf("after the end the terminal is\n%s\nwas\n%s", got, before)
	}
	if s := w.git(w.project, "status", "--porcelain", "--ignored"); s != "" {
		t.Errorf("left in the project: %s", s)
	}
}

// TestTerminalAfterAKilledAgent: whatever ends the agent, the terminal comes
// back.
func TestTerminalAfterAKilledAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.screen()
	before := s.settings()
	for script, status := range map[string]string{"kill -9 $$": "137", "stty raw -echo; exit 4": "4", "nosuch; exit 127": "127"} {
		jail := []string{requireVariable(t, "BIN"), "shell", "--closure", requireVariable(t, "BASE_CLOSURE"), "--net", "none", "--", "bash", "-c", script}
		s.line("clear; " + commandLine(jail) + "; echo ended-$?")
		s.wait("ended-" + status)
		if got := s.settings(); got != before {
			t.Errorf("after %q the terminal is\n%s\nwas\n%s", script, got, before)
		}
	}
}
