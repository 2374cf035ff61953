package review

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// changes are one that is ordinary and one that the host would execute.
const changes = "echo new >new; mkdir .vscode; echo {} >.vscode/tasks.json; "

// user writes the user's own policy.
func user(w *world.World, text string) {
	w.Write(filepath.Join(w.Home, ".config/jailed-claude/config.toml"), "version = 1\n"+text)
}

// there are the names of what came to the host.
func there(w *world.World) (names string) {
	for _, name := range []string{"new", ".vscode/tasks.json"} {
		if _, err := os.Lstat(filepath.Join(w.Project, name)); err == nil {
			names += name + " "
		}
	}
	return names
}

// on runs a command on a terminal.
func on(t *testing.T, c *exec.Cmd, do func(p *world.PTY)) (status int, p *world.PTY) {
	t.Helper()
	p = world.NewPTY(t)
	// Shells have what they start in the background ignore it, and what that starts.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, unix.SIGINT)
	defer signal.Stop(caught)
	c.Stdin, c.Stdout, c.Stderr = p.Slave, p.Slave, p.Slave
	p.Attach(c)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	do(p)
	_ = c.Wait()
	return world.StatusOf(c.ProcessState), p
}

// answer types a line when there is a question.
func answer(t *testing.T, line string) func(*world.PTY) {
	return func(p *world.PTY) {
		world.WaitFor(t, "the question", func() bool { return strings.Contains(p.Shown(), "apply what is ordinary? [y/N] ") })
		if _, err := p.Master.WriteString(line); err != nil {
			t.Error(err)
		}
	}
}

func nothing(*world.PTY) {}

// TestEnd: on a terminal a jail that leaves something in its layer ends with one
// line and a question, and a yes applies what is ordinary, and no more.
func TestEnd(t *testing.T) {
	t.Parallel()
	const line = "the layer holds 1 ordinary change, 2 that the host would execute or trust; to look at it: jailed-claude review"
	for _, c := range []struct {
		name, policy, typed string
		whole               bool
		there               string
	}{
		{"yes", "", "y\n", false, "new "},
		{"yes, without a second half", "", "y\n", true, "new "},
		{"no", "", "n\n", false, ""},
		{"the end of the input", "", "\x04", false, ""},
		{"an answer of the terminal", "", "\x1b[?25;1$yy\n", false, ""},
		{"an interrupt", "", "\x03", false, ""},
		{"ask", "[review]\napply = \"ask\"\n", "yes\n", false, "new "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t)
			w.Whole = c.whole
			user(w, c.policy)
			status, p := on(t, w.Base(changes+"exit 7", "--project-mode", "overlay"), answer(t, c.typed))
			if got := there(w); status != 7 || got != c.there || strings.Count(p.Shown(), line) != 1 {
				t.Errorf("exit status %d; on the host: %q, want %q\n%s", status, got, c.there, p.Shown())
			}
		})
	}
}

// TestEndTypedBefore: what was typed while the jail ran is no answer.
func TestEndTypedBefore(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	_, p := on(t, w.Base(changes+"stty -echo; touch ready; sleep 1", "--project-mode", "overlay"), func(p *world.PTY) {
		world.WaitFor(t, "the jail", func() bool {
			found, _ := filepath.Glob(filepath.Join(w.Home, ".local/state/jailed-claude/projects/*/layer/upper/ready"))
			return len(found) == 1
		})
		if _, err := p.Master.WriteString("y\ny\ny\n"); err != nil {
			t.Error(err)
		}
		answer(t, "\n")(p)
	})
	if got := there(w); got != "" {
		t.Errorf("on the host: %q\n%s", got, p.Shown())
	}
}

// TestEndNothing: no layer, one that holds nothing, and review.apply = "never" have
// no question, and nobody is asked in a pipe.
func TestEndNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, policy, script, flag string
		terminal                   bool
		says                       string
	}{
		{"nothing", "", "cat /dev/null", "overlay", true, ""},
		{"only touched", "", "touch README", "overlay", true, ""},
		{"no layer", "", "echo >new", "rw", true, ""},
		{"never", "[review]\napply = \"never\"\n", changes, "overlay", true, "the layer holds 2 changed files; jailed-claude review"},
		{"a pipe", "", changes, "overlay", false, "the layer holds 2 changed files; jailed-claude review"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t)
			user(w, c.policy)
			command := w.Base(c.script, "--project-mode", c.flag)
			var shown string
			if c.terminal {
				_, p := on(t, command, nothing)
				shown = p.All()
			} else {
				shown = world.Finish(t, command).Err
			}
			if strings.Contains(shown, "[y/N]") || c.says == "" && strings.Contains(shown, "the layer holds") || strings.Count(shown, c.says) == 0 {
				t.Errorf("%s", shown)
			}
			if got := there(w); c.flag == "overlay" && got != "" {
				t.Errorf("on the host: %q", got)
			}
		})
	}
}

// TestEndSafe: review.apply = "safe" applies what is ordinary without a question,
// and says so; it is the user's to say, and never a project's.
func TestEndSafe(t *testing.T) {
	t.Parallel()
	const safe = "[review]\napply = \"safe\"\n"
	w := world.New(t)
	user(w, safe)
	r := world.Finish(t, w.Base(changes+"exit 7", "--project-mode", "overlay"))
	if got := there(w); r.Status != 7 || got != "new " || !strings.Contains(r.Err, "to take it back: jailed-claude review --undo") {
		t.Errorf("on the host: %q; %s", got, r)
	}
	if r := w.Run("explain", "--project-mode", "overlay", "--closure", world.RequireVariable(t, "BASE_CLOSURE")); !strings.Contains(r.Out, "what is ordinary is applied when the jail ends") {
		t.Errorf("%s", r)
	}
	user(w, "")
	w.Write(".jailed-claude.toml", "version = 1\n"+safe)
	if r := world.Finish(t, w.Base("true", "--project-mode", "overlay")); r.Status != 125 || !strings.Contains(r.Err, "review.apply") || !strings.Contains(r.Err, "is not for the policy of a project") {
		t.Errorf("%s", r)
	}
}

// TestEndKilled: whoever waits for the end of a jail ends with its supervisor.
func TestEndKilled(t *testing.T) {
	t.Parallel()
	for _, whole := range []bool{false, true} {
		w := world.New(t)
		w.Whole = whole
		c := w.Base("touch ready; sleep 60", "--project-mode", "overlay")
		waiting := func() (pids []string) {
			all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
			for _, name := range all {
				if text, err := os.ReadFile(name); err == nil && strings.Contains(string(text), "--at-end\x00ask\x00") && strings.Contains(string(text), "\x00--project\x00"+w.Project+"\x00") {
					pids = append(pids, name)
				}
			}
			return pids
		}
		on(t, c, func(*world.PTY) {
			world.WaitFor(t, "who waits", func() bool { return len(waiting()) == 1 })
			_ = c.Process.Signal(unix.SIGKILL)
		})
		world.WaitFor(t, "its end", func() bool { return len(waiting()) == 0 })
	}
}
