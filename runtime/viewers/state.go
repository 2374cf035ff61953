package viewers

import (
	"bytes"
	"io"
	"slices"

	"github.com/jailed-claude/jailed-claude/runtime/announcement"
)

// calls: a program calls for its user, by the bell or by a notification.
func calls(p []byte) bool {
	for rest := p; ; {
		i := bytes.IndexByte(rest, 0x07)
		if i < 0 {
			break
		}
		// A title ends in the same byte, and calls nobody.
		if begin := bytes.LastIndex(rest[:i], []byte("\x1b]")); begin < 0 || notifies(rest[begin+2:i]) {
			return true
		}
		rest = rest[i+1:]
	}
	return slices.ContainsFunc(bytes.Split(p, []byte("\x1b]"))[1:], notifies)
}

func notifies(text []byte) bool {
	for _, n := range []string{"9;", "99;", "777;"} {
		if bytes.HasPrefix(text, []byte(n)) && !bytes.HasPrefix(text, []byte("9;4")) {
			return true
		}
	}
	return false
}

// Activity notes what passes between a program and a terminal: when something was
// last shown and typed, and when the program last called for its user.
type Activity struct {
	*announcement.State
	// Calls is given output that calls; nil for nobody.
	Calls func([]byte)
}

// show notes what the program shows.
func (a Activity) show(p []byte) {
	a.Shown.Now()
	if calls(p) {
		a.Called.Now()
		if a.Calls != nil {
			a.Calls(p)
		}
	}
}

// answer notes that something was typed.
func (a Activity) answer() { a.Typed.Now() }

// noted is a writer on whose way something is noted.
type noted struct {
	to   io.Writer
	note func([]byte)
}

func (n noted) Write(p []byte) (int, error) {
	n.note(p)
	return n.to.Write(p)
}

// Output notes what is shown on its way to a terminal.
func (a Activity) Output(to io.Writer) io.Writer { return noted{to, a.show} }

// Input notes that something is typed on its way to a program.
func (a Activity) Input(to io.Writer) io.Writer { return noted{to, func([]byte) { a.answer() }} }
