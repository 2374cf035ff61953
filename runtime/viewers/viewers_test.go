package viewers

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/announcement"
	"github.com/jailed-claude/jailed-claude/runtime/pty"
	"github.com/jailed-claude/jailed-claude/runtime/session"
	"github.com/jailed-claude/jailed-claude/runtime/terminal"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// begun is a screen on a terminal of its own.
func begun(t *testing.T, o terminal.Options) *Screen {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminals: ", err)
	}
	t.Cleanup(func() { master.Close() })
	s := &Screen{Master: master, Options: o, Resume: func() {}, Activity: Activity{State: new(announcement.State)}}
	must(t, s.Start(80, 24))
	return s
}

func (s *Screen) size() [2]uint16 {
	s.mu.Lock()
	defer s.mu.Unlock()
	width, height := pty.Size(s.Master)
	return [2]uint16{width, height}
}

// until waits for what happens on another goroutine.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain for ", what)
		}
	}
}

// client is the other side of a viewer.
type client struct {
	*net.UnixConn
	in *bufio.Reader
	// left is closed when the viewer has left.
	left chan struct{}
}

func attached(t *testing.T, s *Screen, a session.AttachArgs) *client {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	var ends [2]*net.UnixConn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "viewer")
		c, err := net.FileConn(f)
		must(t, errors.Join(err, f.Close()))
		ends[i] = c.(*net.UnixConn)
	}
	before, c := s.Viewers.Load(), &client{ends[1], bufio.NewReader(ends[1]), make(chan struct{})}
	go func() {
		defer close(c.left)
		s.serve(ends[0], a)
	}()
	until(t, "a viewer", func() bool { return s.Viewers.Load() > before })
	t.Cleanup(func() { c.Close(); <-c.left })
	return c
}

func (c *client) sends(t *testing.T, k session.Kind, payload []byte) {
	t.Helper()
	_, err := c.Write(session.AppendFrames(nil, k, payload))
	must(t, err)
}

func (c *client) detach(t *testing.T) {
	t.Helper()
	c.sends(t, session.Detach, nil)
	<-c.left
}

// shown is all that comes until the text does, or nothing does any more.
func (c *client) shown(text string) string {
	var all bytes.Buffer
	for text == "" || !bytes.HasSuffix(all.Bytes(), []byte(text)) {
		k, payload, err := session.ReadFrame(c.in)
		if err != nil {
			break
		}
		if k == session.Output {
			all.Write(payload)
		}
	}
	return all.String()
}

// TestSize: the terminal has the size of who writes, whoever that is, and however
// that changed meanwhile.
func TestSize(t *testing.T) {
	s := begun(t, terminal.Options{})
	is := func(width, height uint16) {
		t.Helper()
		until(t, "the size", func() bool { return s.size() == [2]uint16{width, height} })
	}
	first := attached(t, s, session.AttachArgs{}) // that does not know its own
	is(80, 24)
	first.sends(t, session.Resize, session.AppendSize(nil, 90, 20))
	is(90, 20)
	second := attached(t, s, session.AttachArgs{Width: 70, Height: 40})
	is(70, 40)
	looks := attached(t, s, session.AttachArgs{ReadOnly: true, Width: 10, Height: 10})
	looks.sends(t, session.Resize, session.AppendSize(nil, 11, 11))
	looks.detach(t)
	is(70, 40)
	first.sends(t, session.Resize, session.AppendSize(nil, 91, 0))
	first.sends(t, session.Resize, session.AppendSize(nil, 91, 21))
	second.sends(t, session.Resize, session.AppendSize(nil, 71, 41))
	is(71, 41)
	second.detach(t)
	is(91, 21)
	first.detach(t)
	is(91, 21)
}

// TestQueue: one that looks on and does not read is given up; one that types is
// waited for, and gets every byte.
func TestQueue(t *testing.T) {
	s := begun(t, terminal.Options{})
	looks := attached(t, s, session.AttachArgs{ReadOnly: true})
	line := []byte(strings.Repeat("x", 1<<10) + "\r\n")
	const lines = 4 * maxQueue >> 10
	for range lines {
		_, err := s.Write(line)
		must(t, err)
	}
	<-looks.left
	if got := len(looks.shown("")); got >= lines*len(line) {
		t.Errorf("%d bytes wait for one that does not read", got)
	}
	types := attached(t, s, session.AttachArgs{})
	replayed := len(s.tail.again(nil, s.Options))
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		for range lines {
			_, _ = s.Write(line)
		}
		_, _ = s.Write([]byte("end"))
	}()
	until(t, "a queue that is full", func() bool {
		v := s.writer()
		v.mu.Lock()
		defer v.mu.Unlock()
		return len(v.queue) > maxQueue
	})
	if got, want := len(types.shown("end")), replayed+lines*len(line)+len("end"); got != want {
		t.Errorf("%d bytes came of %d", got, want)
	}
	<-wrote
}

// TestPatience: one that types and does not read is given up at last.
func TestPatience(t *testing.T) {
	usual := patience
	patience = 50 * time.Millisecond
	defer func() { patience = usual }()
	s := begun(t, terminal.Options{})
	types := attached(t, s, session.AttachArgs{})
	for range 4 {
		_, err := s.Write(bytes.Repeat([]byte("x"), maxQueue))
		must(t, err)
	}
	<-types.left
}

// TestAgain: what is shown once more asks a terminal nothing and notifies nobody;
// what comes then does.
func TestAgain(t *testing.T) {
	s := begun(t, terminal.Options{Clipboard: true})
	const asks = "\x1b[c\x1b[6n\x1b]52;c;aGk=\x07\x1b]9;look\x07\x1bZ"
	_, err := s.Write([]byte("one" + asks + "two"))
	must(t, err)
	c := attached(t, s, session.AttachArgs{})
	if got := c.shown("two"); got != "onetwo" {
		t.Errorf("again: %q", got)
	}
	_, err = s.Write([]byte(asks + "end"))
	must(t, err)
	if got := c.shown("end"); got != asks+"end" {
		t.Errorf("then: %q", got)
	}
}

// TestPaused: an agent that stopped goes on when there is another one who types.
func TestPaused(t *testing.T) {
	s := begun(t, terminal.Options{})
	resumed := make(chan struct{}, 8)
	s.Resume = func() { resumed <- struct{}{} }
	if s.Pause() {
		t.Error("an agent stays stopped that nobody can bring back")
	}
	first := attached(t, s, session.AttachArgs{})
	second := attached(t, s, session.AttachArgs{})
	looks := attached(t, s, session.AttachArgs{ReadOnly: true})
	if !s.Pause() {
		t.Fatal("nobody writes")
	}
	looks.detach(t)
	first.sends(t, session.Continue, nil) // it is not the one that knows
	first.sends(t, session.Detach, nil)
	<-first.left
	third := attached(t, s, session.AttachArgs{ReadOnly: true})
	third.detach(t)
	if len(resumed) > 0 {
		t.Error("resumed by one that does not write")
	}
	fourth := attached(t, s, session.AttachArgs{})
	<-resumed
	if !s.Pause() {
		t.Fatal("nobody writes")
	}
	fourth.detach(t)
	<-resumed
	second.detach(t)
}
