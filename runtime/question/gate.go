package question

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"time"
)

// Screen is what the jail shows itself on, through a filter (terminal.Filter).
type Screen interface {
	io.Writer
	Aside() (begin, back []byte, lost bool)
}

// maxAnswer is more than any answer.
const maxAnswer = 80

// Gate is where the terminal of a jail is shown. It is an io.Writer of what the
// jail shows.
type Gate struct {
	screen   Screen
	terminal io.Writer
	redraw   func()
	// settle is how long nothing is taken for an answer: who types goes on to type
	// for a moment.
	settle time.Duration
	now    func() time.Time

	// shown is held while something is shown, or asked.
	shown sync.Mutex
	mu    sync.Mutex
	typed chan []byte // while something is asked
	end   chan struct{}
	ended bool
}

// New makes a gate to a terminal. redraw has the jail show everything again.
func New(screen Screen, terminal io.Writer, redraw func()) *Gate {
	return &Gate{screen: screen, terminal: terminal, redraw: redraw, settle: 500 * time.Millisecond, now: time.Now, end: make(chan struct{})}
}

// Write shows what the jail shows, when nothing is asked.
func (g *Gate) Write(p []byte) (int, error) {
	g.shown.Lock()
	defer g.shown.Unlock()
	return g.screen.Write(p)
}

// Last does what is shown last.
func (g *Gate) Last(do func() error) error {
	g.shown.Lock()
	defer g.shown.Unlock()
	return do()
}

// Input passes what is typed on to the jail, or to a question.
func (g *Gate) Input(to io.Writer) io.Writer { return input{g, to} }

type input struct {
	g  *Gate
	to io.Writer
}

func (i input) Write(p []byte) (int, error) {
	i.g.mu.Lock()
	typed := i.g.typed
	i.g.mu.Unlock()
	if typed == nil {
		return i.to.Write(p)
	}
	select {
	case typed <- append([]byte(nil), p...):
	default: // nobody types as much
	}
	return len(p), nil
}

// End ends a question, and lets no other begin.
func (g *Gate) End() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.ended {
		g.ended = true
		close(g.end)
	}
}

// errEnded: there is no answer any more.
var errEnded = errors.New("the jail has ended")

// Ask shows text, whose lines end in \n, and returns whether the answer is the
// word yes. Text has nothing in it that a terminal obeys.
func (g *Gate) Ask(ctx context.Context, text string) (yes bool, err error) {
	g.shown.Lock()
	defer g.shown.Unlock()
	typed := make(chan []byte, 64)
	g.mu.Lock()
	if g.ended {
		g.mu.Unlock()
		return false, errEnded
	}
	g.typed = typed
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.typed = nil
	}()
	begin, back, lost := g.screen.Aside()
	if _, err := io.WriteString(g.terminal, string(begin)+"\a"+strings.ReplaceAll(text, "\n", "\r\n")); err != nil {
		return false, err
	}
	yes, err = g.answer(ctx, typed)
	_, _ = g.terminal.Write(back)
	if lost && g.redraw != nil {
		g.redraw()
	}
	return yes, err
}

// answer reads a line that is begun when nothing is dropped any more: what is left of
// one that was begun before is none, whatever its end says.
func (g *Gate) answer(ctx context.Context, typed <-chan []byte) (yes bool, err error) {
	from := g.now().Add(g.settle)
	var line []byte
	begun := false
	for {
		var p []byte
		select {
		case <-ctx.Done():
			return false, errors.New("the user did not answer in time")
		case <-g.end:
			return false, errEnded
		case p = <-typed:
		}
		if g.now().Before(from) {
			begun = !bytes.ContainsAny(p[max(len(p)-1, 0):], "\r\n")
			continue
		}
		for _, c := range p {
			switch {
			case begun && c != 0x03 && c != 0x1b:
				begun = c != '\r' && c != '\n'
			case c == '\r' || c == '\n':
				return strings.EqualFold(strings.TrimSpace(string(line)), "yes"), nil
			case c == 0x03 || c == 0x1b: // ^C, Esc, and every key that begins so
				return false, nil
			case (c == 0x7f || c == 0x08) && len(line) > 0:
				line = line[:len(line)-1]
				_, _ = io.WriteString(g.terminal, "\b \b")
			case c >= ' ' && c < 0x7f && len(line) < maxAnswer:
				line = append(line, c)
				_, _ = g.terminal.Write([]byte{c})
			}
		}
	}
}
