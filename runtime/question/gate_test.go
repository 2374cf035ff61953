package question

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/runtime/bridge"
	"github.com/jailed-claude/jailed-claude/runtime/terminal"
)

// screen is a terminal, which tells when a question is there.
type screen struct {
	mu    sync.Mutex
	text  bytes.Buffer
	asked chan struct{}
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(p)
	if bytes.Contains(p, []byte("Question")) {
		close(s.asked)
	}
	return len(p), nil
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func begin() (*screen, *Gate, *bytes.Buffer, io.Writer) {
	s, jail := &screen{asked: make(chan struct{})}, new(bytes.Buffer)
	g := New(terminal.NewFilter(s, terminal.Options{}), s, nil)
	g.settle = 0
	return s, g, jail, g.Input(jail)
}

// TestAnswers: only the word opens.
func TestAnswers(t *testing.T) {
	for typed, want := range map[string]bool{
		"yes\r": true, "YES\n": true, "yesx\x7f\r": true, "y\r": false, "no\r": false, "\r": false, "yes please\r": false, "\x03": false, "yes\x1b[A\r": false, "nyes\r": false,
		strings.Repeat("a", 200) + "yes\r": false,
	} {
		s, g, jail, in := begin()
		done := make(chan bool)
		go func() {
			yes, err := g.Ask(t.Context(), "Question\nhere? ")
			if err != nil {
				t.Error(err)
			}
			done <- yes
		}()
		<-s.asked
		_, _ = io.WriteString(in, typed)
		if got := <-done; got != want || jail.Len() != 0 {
			t.Errorf("%q: %v, the jail read %q", typed, got, jail)
		}
		_, _ = io.WriteString(in, "then")
		if jail.String() != "then" {
			t.Errorf("%q: afterwards the jail reads %q", typed, jail)
		}
	}
}

// TestNothingOfTheJail: while it is asked the jail shows nothing, and then goes on
// where it was.
func TestNothingOfTheJail(t *testing.T) {
	s, g, _, in := begin()
	_, _ = io.WriteString(g, "before \x1b[?2004h\x1b[?1000h\x1b[?25l")
	done := make(chan error)
	go func() { _, err := g.Ask(t.Context(), "Question"); done <- err }()
	<-s.asked
	wrote := make(chan struct{})
	go func() { _, _ = io.WriteString(g, "yes? \x1b[2J"); close(wrote) }()
	select {
	case <-wrote:
		t.Error("the jail writes over the question")
	case <-time.After(20 * time.Millisecond):
	}
	_, _ = io.WriteString(in, "no\r")
	if err := <-done; err != nil {
		t.Error(err)
	}
	<-wrote
	all := s.String()
	_, page, _ := strings.Cut(all, "before ")
	page, after, _ := strings.Cut(page, "Question")
	for _, off := range []string{"\x1b[?2004l", "\x1b[?1000l", "\x1b[?25h", "\x1b[?1049h"} {
		if !strings.Contains(page, off) {
			t.Errorf("%q is missing before the question: %q", off, all)
		}
	}
	for _, on := range []string{"\x1b[?1049l", "\x1b[?2004h", "\x1b[?1000h", "\x1b[?25l", "yes? "} {
		if !strings.Contains(after, on) {
			t.Errorf("%q is missing after the question: %q", on, all)
		}
	}
}

// TestRedraw: a jail that is on the alternate screen shows everything again.
func TestRedraw(t *testing.T) {
	for before, want := range map[string]int{"text": 0, "\x1b[?1049htext": 1} {
		s, n := &screen{asked: make(chan struct{})}, 0
		g := New(terminal.NewFilter(s, terminal.Options{}), s, func() { n++ })
		g.settle = 0
		_, _ = io.WriteString(g, before)
		done := make(chan struct{})
		go func() { _, _ = g.Ask(t.Context(), "Question"); close(done) }()
		<-s.asked
		_, _ = io.WriteString(g.Input(io.Discard), "\r")
		<-done
		if n != want || strings.Contains(s.String(), "\x1b[?1049l") != (want == 0) {
			t.Errorf("%q: shown again %d times: %q", before, n, s)
		}
	}
}

// TestTypedAhead: what somebody types who has not yet seen the question is no
// answer.
func TestTypedAhead(t *testing.T) {
	s, g, _, in := begin()
	g.settle = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan bool)
	go func() { yes, _ := g.Ask(ctx, "Question"); done <- yes }()
	<-s.asked
	_, _ = io.WriteString(in, "yes\r")
	cancel()
	if <-done {
		t.Error("it opens")
	}
}

// TestTypedAcross: the rest of a line that was begun too early is no answer, and the
// next line is.
func TestTypedAcross(t *testing.T) {
	for _, c := range []struct {
		early, late string
		yes         bool
	}{
		{"ye", "s\ryes\r", true},
		{"y", "es\rno\r", false},
		{"yes", "\ryes\r", true},
		{"yes\r", "yes\r", true},
		{"yes\r", "\r", false},
		{"no\rye", "s\rno\r", false},
		{"ye", "\x03", false},
		{"ye", "\x1b", false},
	} {
		s, g, _, in := begin()
		var clock atomic.Int64
		heard := make(chan struct{}, 1)
		g.settle = 1
		g.now = func() time.Time {
			now := time.Unix(0, clock.Load())
			select {
			case heard <- struct{}{}:
			default:
			}
			return now
		}
		done := make(chan bool)
		go func() { yes, _ := g.Ask(t.Context(), "Question"); done <- yes }()
		<-s.asked
		<-heard // when it was asked
		_, _ = io.WriteString(in, c.early)
		<-heard // what is early is judged
		clock.Store(1)
		_, _ = io.WriteString(in, c.late)
		if yes := <-done; yes != c.yes {
			t.Errorf("%q, and after a moment %q: %v", c.early, c.late, yes)
		}
	}
}

// TestEnd: the end of the jail is one of the question.
func TestEnd(t *testing.T) {
	s, g, _, _ := begin()
	done := make(chan error)
	go func() { _, err := g.Ask(t.Context(), "Question"); done <- err }()
	<-s.asked
	g.End()
	g.End()
	if err := <-done; err == nil {
		t.Error("there is an answer")
	}
	if _, err := g.Ask(t.Context(), "another"); err == nil {
		t.Error("somebody asks after the end")
	}
	if err := g.Last(func() error { return nil }); err != nil {
		t.Error(err)
	}
}

func TestOpen(t *testing.T) {
	p, err := bridge.ParsePage("https://example.org:8443/?redirect_uri=http://localhost:4000/&x=" + strings.Repeat("y", 2000))
	if err != nil {
		t.Fatal(err)
	}
	text := Open(p)
	for _, want := range []string{"\n    example.org, port 8443\n", "port 4000 of your localhost", "more characters"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing: %s", want, text)
		}
	}
	if len(text) > 1500 {
		t.Errorf("%d bytes", len(text))
	}
}
