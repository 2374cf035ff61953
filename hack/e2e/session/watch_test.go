package session

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
	"github.com/jailed-claude/jailed-claude/runtime/session"
)

// status is what a list says of a jail.
func status(w *world.World, id string) session.Status {
	w.T.Helper()
	var all []session.Listed
	if r := world.Finish(w.T, w.Command("list", "--json")); json.Unmarshal([]byte(r.Out), &all) != nil {
		w.T.Fatalf("%s", r)
	}
	for _, j := range all {
		if j.ID == id && j.Status != nil {
			return *j.Status
		}
	}
	return session.Status{}
}

// TestStates: a list says of jails with a terminal, attached or detached, whether
// they work, wait for their user, or neither; and what a layer holds.
func TestStates(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	script := `while read word; do case $word in work) for i in $(seq 100); do echo $i; sleep 0.2; done;; call) printf '\a';; write) echo x >new;; esac; done`
	p := world.NewPTY(t)
	c := w.Base(script, "--project-mode", "overlay")
	c.Stdin, c.Stdout, c.Stderr = p.Slave, p.Slave, p.Slave
	p.Attach(c)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	id := ""
	world.WaitFor(t, "the jail", func() bool {
		for _, j := range running(w) {
			if j.PID == c.Process.Pid {
				id = j.ID
			}
		}
		return id != ""
	})
	is := func(state string) {
		t.Helper()
		world.WaitFor(t, state, func() bool { return status(w, id).State == state })
		if s := status(w, id); s.Detached {
			t.Errorf("%+v", s)
		}
	}
	is(session.Idle)
	if s := status(w, id); s.Layer != session.LayerEmpty {
		t.Errorf("%+v", s)
	}
	for _, word := range []string{"write", "call"} {
		if _, err := p.Master.WriteString(word + "\r"); err != nil {
			t.Fatal(err)
		}
	}
	is(session.Waits)
	if s := status(w, id); s.Layer != session.LayerChanged {
		t.Errorf("%+v", s)
	}
	if _, err := p.Master.WriteString("work\r"); err != nil {
		t.Fatal(err)
	}
	is(session.Working)
	// Without a terminal nobody knows, and none is invented.
	j := begin(w, w.Base("sleep 1000"))
	if s := status(w, j.ID); s.State != "" || s.Layer != "" {
		t.Errorf("without a terminal: %+v", s)
	}
}

// TestWatch: the table of "list --watch" attaches and comes back, allows what was
// refused, reviews, stops, and leaves the terminal as it was.
func TestWatch(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	c := w.Base("echo x >new; echo begun; exec 3<>/dev/tcp/refused.example.org/443; exec sleep 1000")
	c.Args = append([]string{c.Args[0], "shell", "--detach", "--project-mode", "overlay", "--closure", c.Args[3], "--net", "filtered"}, c.Args[6:]...)
	r := world.Finish(t, c)
	if r.Status != 0 {
		t.Fatalf("%s", r)
	}
	id := strings.TrimSpace(r.Out)
	for _, j := range running(w) {
		if j.ID == id {
			endsWithTest(w, j)
		}
	}
	world.WaitFor(t, "a refusal", func() bool { return status(w, id).Refused == 1 && status(w, id).Layer == session.LayerChanged })
	s := w.Screen()
	before := s.Settings()
	s.Line("clear; " + world.CommandLine([]string{os.Getenv("JAIL_TEST_BIN"), "list", "--watch"}) + "; echo ended-$?")
	s.Wait("r review")
	// Other tests have jails as well.
	// A key that has done nothing yet is not typed again: it would lead past the row.
	passed := ""
	s.Until("our jail to be selected", func() bool {
		_, row, _ := strings.Cut(s.Tmux("capture-pane", "-p", "-e"), "\x1b[7m")
		row, _, _ = strings.Cut(row, "\n")
		if row != "" && row != passed && !strings.HasPrefix(row, id) { // it says how long its jail runs
			passed = row
			s.Keys("j")
		}
		return strings.HasPrefix(row, id)
	})
	s.Keys("a")
	s.Wait("1  refused.example.org")
	s.Keys("1")
	s.Wait("allowed as long as jail " + id + " runs")
	s.Keys("Enter")
	s.Until("what the jail shows", func() bool { return strings.Contains(s.Shown(), "begun") && !strings.Contains(s.Shown(), "r review") })
	s.Keys("C-p", "C-q")
	s.Wait("r review")
	s.Keys("r")
	s.Wait("enter: back to the table")
	if shown := s.Shown(); !strings.Contains(shown, "+x") {
		t.Errorf("review: %s", shown)
	}
	s.Keys("Enter")
	s.Wait("r review")
	s.Keys("s")
	s.Wait("stop " + id)
	s.Keys("n")
	s.Until("no question", func() bool { return !strings.Contains(s.Shown(), "y/n") })
	if status(w, id).Network == "" {
		t.Error("n stopped it")
	}
	s.Keys("s")
	s.Wait("stop " + id)
	s.Keys("y")
	world.WaitFor(t, "the end", func() bool { return status(w, id).Network == "" })
	s.Wait("the layer holds 1 changed file")
	s.Keys("q")
	s.Wait("ended-0")
	if after := s.Settings(); after != before {
		t.Errorf("the terminal is left as\n%s\nnot\n%s", after, before)
	}
	if r := world.Finish(t, w.Command("list", "--watch")); r.Status != 125 || !strings.Contains(r.Err, "no terminal") {
		t.Errorf("without a terminal: %s", r)
	}
}

// TestWatchLive: of a jail without a layer "list --watch" reviews what others left in the
// project, and says why it has none.
func TestWatchLive(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	if r := world.Finish(t, w.Base("mkdir .vscode; echo evil >.vscode/tasks.json")); r.Status != 0 {
		t.Fatalf("%s", r)
	}
	j := begin(w, w.Base("sleep 1000"))
	s := w.Screen()
	s.Line("clear; " + world.CommandLine([]string{os.Getenv("JAIL_TEST_BIN"), "list", "--watch"}) + "; echo ended-$?")
	s.Wait("r review")
	s.Until("our jail to be selected", func() bool {
		for line := range strings.Lines(s.Tmux("capture-pane", "-p", "-e")) {
			if strings.Contains(line, "\x1b[7m"+j.ID) {
				return true
			}
		}
		s.Keys("j")
		return false
	})
	s.Keys("r")
	s.Wait("enter: back to the table")
	if shown := s.Shown(); !strings.Contains(shown, j.ID+" has no layer") || !strings.Contains(shown, ".vscode") {
		t.Errorf("%s", shown)
	}
	s.Keys("Enter")
	s.Wait("r review")
	s.Keys("q")
	s.Wait("ended-0")
}
