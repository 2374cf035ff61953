package table

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/runtime/pty"
	"github.com/jailed-claude/jailed-claude/runtime/session"
	"github.com/jailed-claude/jailed-claude/runtime/steer"
)

// refresh is how long a screen stands, in milliseconds.
const refresh = 1000

// Watch shows the table on a terminal until a key or a signal ends it.
func Watch(in, out *os.File) error {
	if !pty.Is(in) || !pty.Is(out) {
		return errors.New("list --watch: standard input and output are no terminal")
	}
	modes, err := pty.Modes(in)
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	wakes, wake, err := os.Pipe()
	if err != nil {
		return err
	}
	defer wakes.Close()
	t := &watch{in: in, out: out, modes: modes, wakes: wakes, wake: wake, said: make(chan string, 8), waited: map[string]bool{}}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGWINCH, unix.SIGTERM, unix.SIGHUP, unix.SIGINT)
	go func() {
		for s := range signals {
			_, _ = wake.Write([]byte{byte(s.(unix.Signal))}) //nolint:forcetypeassert // all of them are
		}
	}()
	defer signal.Stop(signals)
	if err := t.show(); err != nil {
		return err
	}
	defer t.hide()
	return t.run()
}

// watch is the loop behind the screen.
type watch struct {
	view
	in, out     *os.File
	modes       *unix.Termios
	wakes, wake *os.File
	// said is what commands said that ran meanwhile.
	said chan string
	// first is said before the next command that runs in place of the table.
	first string
	// asks is a question that "y" answers.
	asks func()
	// waited are the jails that waited when they were last looked at.
	waited map[string]bool
}

func (t *watch) show() error {
	if err := pty.Change(t.in, pty.Raw); err != nil {
		return fmt.Errorf("terminal: raw mode: %w", err)
	}
	_, err := t.out.WriteString(enter)
	return err
}

func (t *watch) hide() {
	_, _ = t.out.WriteString(leave) // it may be gone
	_ = pty.SetModes(t.in, t.modes)
}

func (t *watch) run() error {
	for {
		if err := t.look(); err != nil {
			return err
		}
		width, height := pty.Size(t.out)
		if _, err := t.out.Write(t.draw(int(max(width, 20)), int(max(height, 4)))); err != nil {
			return nil //nolint:nilerr // nobody looks any more
		}
		input, ended := t.wait()
		for len(input) > 0 && !ended {
			var k key
			k, input = next(input)
			ended = t.press(k)
		}
		if ended {
			return nil
		}
	}
}

// look takes in what the jails are now, and rings for one that has begun to wait.
func (t *watch) look() (err error) {
	if t.jails, err = session.List(); err != nil {
		return err
	}
	waits := map[string]bool{}
	for _, j := range t.jails {
		if j.Status != nil && j.State == session.Waits {
			if waits[j.ID] = true; !t.waited[j.ID] {
				_, _ = t.out.WriteString("\a")
			}
		}
	}
	t.waited = waits
	if len(t.jails) > 0 {
		t.selected = t.jails[t.at()].ID
	}
	for {
		select {
		case text := <-t.said:
			t.say(text)
		default:
			return nil
		}
	}
}

// wait waits for keys, a signal, something that was said, or the next look.
func (t *watch) wait() (input []byte, ended bool) {
	fds := []unix.PollFd{{Fd: int32(t.in.Fd()), Events: unix.POLLIN}, {Fd: int32(t.wakes.Fd()), Events: unix.POLLIN}}
	if n, err := unix.Poll(fds, refresh); n <= 0 || err != nil {
		return nil, err != nil && !errors.Is(err, unix.EINTR)
	}
	buf := make([]byte, 256)
	if fds[1].Revents != 0 {
		n, _ := t.wakes.Read(buf)
		for _, s := range buf[:n] {
			ended = ended || s != 0 && unix.Signal(s) != unix.SIGWINCH
		}
	}
	if fds[0].Revents != 0 {
		n, err := t.in.Read(buf)
		return buf[:n], ended || err != nil || n == 0
	}
	return nil, ended
}

// press does what a key says, and reports whether that is the end.
func (t *watch) press(k key) (end bool) {
	yes, choices := t.asks, t.choices
	t.asks, t.choices = nil, nil
	switch {
	case k == "q" || k == "\x03":
		return true
	case yes != nil:
		t.below = nil
		if k == "y" {
			yes()
		}
		return false
	case len(t.jails) == 0:
		return false
	}
	i := t.at()
	j := t.jails[i]
	switch k {
	case "j", down:
		t.selected = t.jails[min(i+1, len(t.jails)-1)].ID
	case "k", up:
		t.selected = t.jails[max(i-1, 0)].ID
	case "\r", "\n":
		t.here("attach", j.ID)
	case "r":
		t.review(j)
	case "s":
		t.below = []string{"stop " + j.ID + " in " + show.Visible(j.Project) + "? y/n"}
		t.asks = func() { t.aside("stop", j.ID) }
	case "a":
		t.offer(j)
	default:
		if n := int(k[0] - '1'); len(k) == 1 && n >= 0 && n < len(choices) {
			t.aside("allow", j.ID, choices[n])
		}
	}
	return false
}

// maxBarred are shown of what cannot be allowed.
const maxBarred = 3

// offer shows what waits or was refused, to be allowed by its digit.
func (t *watch) offer(j session.Listed) {
	now, err := steer.Allow(j.Running, nil)
	if err != nil {
		t.say(err.Error())
		return
	}
	t.say("nothing that " + j.ID + " wants waits or was refused")
	if n := len(now.Barred); n > 0 {
		said := append([]string{"refused to " + j.ID + ", and not to be allowed while it runs:"}, now.Barred[:min(n, maxBarred)]...)
		if n > maxBarred {
			said = append(said, fmt.Sprintf("and %d more: jailed-claude allow %s", n-maxBarred, j.ID))
		}
		t.say(strings.Join(said, "\n"))
	}
	for _, name := range slices.Concat(now.Waiting, now.Refused) {
		if !slices.Contains(t.choices, name) && len(t.choices) < 9 {
			t.choices = append(t.choices, name)
		}
	}
	if len(t.choices) > 0 {
		if len(now.Barred) == 0 {
			t.below = nil
		}
		t.below = append(t.below, "let "+j.ID+" reach, as long as it runs:")
	}
}

func (t *watch) review(j session.Listed) {
	args := []string{"review", "--project", j.Project}
	switch {
	case j.Status == nil:
	case j.Layer == "":
		// What earlier ones left is there to look at all the same.
		t.first = j.ID + " has no layer: it changes the project itself, and what it leaves there for the host to execute or trust is shown when it has ended"
	case j.LayerName != "":
		args = append(args, "--layer", j.LayerName)
	}
	t.here(args...)
}

// command is one of this program's.
func command(args []string) *exec.Cmd { return exec.Command("/proc/self/exe", args...) }

// here runs a command on this terminal, in place of the table. What it says stays
// until it is read.
func (t *watch) here(args ...string) {
	t.hide()
	if t.first != "" {
		_, _ = t.out.WriteString(t.first + "\r\n")
		t.first = ""
	}
	c := command(args)
	c.Stdin, c.Stdout, c.Stderr = t.in, t.out, t.out
	err := c.Run()
	if err != nil || args[0] != "attach" {
		_, _ = t.out.WriteString("\r\nenter: back to the table ")
		_, _ = t.in.Read(make([]byte, 256)) // a line
	}
	if err := t.show(); err != nil {
		t.say(err.Error())
	}
}

// aside runs a command while the table goes on.
func (t *watch) aside(args ...string) {
	t.below = []string{strings.Join(args, " ") + " …"}
	go func() {
		text, err := command(args).CombinedOutput()
		said := string(text)
		if said == "" && err == nil {
			said = strings.Join(args, " ") + ": done"
		}
		t.said <- said
		_, _ = t.wake.Write([]byte{0})
	}()
}

// key is what a key sends.
type key string

const (
	up   key = "\x1b[A"
	down key = "\x1b[B"
)

// next takes a key off what was typed.
func next(input []byte) (key, []byte) {
	if len(input) >= 3 && input[0] == '\x1b' && (input[1] == '[' || input[1] == 'O') {
		n := 2
		for n < len(input)-1 && (input[n] < '@' || input[n] > '~') {
			n++
		}
		return key("\x1b[" + string(input[2:n+1])), input[n+1:]
	}
	return key(input[:1]), input[1:]
}
