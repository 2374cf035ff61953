package world

import (
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Screen is a terminal with a shell of the host in it, by tmux.
type Screen struct {
	w      *World
	socket string
}

// Screen starts a terminal in tmux, with a shell of the host in the project.
func (w *World) Screen() *Screen {
	w.T.Helper()
	RequireTool(w.T, "tmux")
	s := &Screen{w: w, socket: filepath.Join(w.Dir, "tmux")}
	s.Tmux("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", "exec env HISTFILE= PS1='host> ' bash --norc --noprofile -i",
		";", "set-option", "-g", "status", "off", ";", "set-option", "-g", "default-terminal", "tmux-256color")
	w.T.Cleanup(func() { s.Tmux("kill-server") })
	s.Resize("100", "30")
	s.Wait("host>")
	return s
}

// Tmux runs a command of tmux.
func (s *Screen) Tmux(args ...string) string {
	s.w.T.Helper()
	c := exec.Command("tmux", append([]string{"-S", s.socket}, args...)...)
	c.Dir, c.Env = s.w.Project, s.w.Environ()
	out, err := c.CombinedOutput()
	if err != nil {
		s.w.T.Fatalf("tmux %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Shown is the text on the screen.
func (s *Screen) Shown() string { return s.Tmux("capture-pane", "-p") }

// Keys sends keys by tmux's names; line types a line.
func (s *Screen) Keys(names ...string) {
	s.w.T.Helper()
	s.Tmux(append([]string{"send-keys"}, names...)...)
}

// Line types a text and Enter.
func (s *Screen) Line(text string) {
	s.w.T.Helper()
	s.Tmux("send-keys", "-l", text)
	s.Keys("Enter")
}

// Resize changes the size of the terminal.
func (s *Screen) Resize(width, height string) {
	s.w.T.Helper()
	s.Tmux("resize-window", "-x", width, "-y", height)
}

// Wait waits until the screen shows a text.
func (s *Screen) Wait(text string) {
	s.w.T.Helper()
	s.Until("the screen to show "+text, func() bool { return strings.Contains(s.Shown(), text) })
}

// Prompt waits until the last line is a prompt with nothing behind it.
func (s *Screen) Prompt(text string) {
	s.w.T.Helper()
	s.Until("the prompt "+text, func() bool {
		shown := Lines(s.Shown())
		return len(shown) > 0 && strings.TrimSpace(shown[len(shown)-1]) == text
	})
}

// Until waits for something to hold; what says what it waits for.
func (s *Screen) Until(what string, holds func() bool) {
	s.w.T.Helper()
	for end := time.Now().Add(Deadline * 2 / 3); !holds(); time.Sleep(30 * time.Millisecond) {
		if time.Now().After(end) {
			s.w.T.Fatalf("waited in vain for %s; the screen:\n%s", what, s.Shown())
		}
	}
}

// Settings are those of the terminal, as the host's shell finds them.
func (s *Screen) Settings() string {
	s.w.T.Helper()
	file := filepath.Join(s.w.Dir, "settings")
	s.Line("clear; stty -a >" + file + "; echo saved-$?")
	s.Wait("saved-0")
	return strings.Join(Lines(s.w.Read(file))[1:], "\n") // without the size
}

// CommandLine is for a shell.
func CommandLine(args []string) string {
	var quoted []string
	for _, a := range args {
		quoted = append(quoted, "'"+strings.ReplaceAll(a, "'", `'\''`)+"'")
	}
	return strings.Join(quoted, " ")
}
