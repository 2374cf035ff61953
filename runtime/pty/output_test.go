package pty

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pair is a terminal and its master.
func pair(t *testing.T) (master, terminal *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skip("no terminals: ", err)
	}
	master = os.NewFile(uintptr(fd), "master")
	t.Cleanup(func() { master.Close() })
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return master, terminal
}

// slow is a reader that deals with what it gets after a moment.
type slow struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *slow) Write(p []byte) (int, error) {
	time.Sleep(time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// TestSettle: what was written has been dealt with.
func TestSettle(t *testing.T) {
	master, terminal := pair(t)
	o, err := NewOutput(master)
	if err != nil {
		t.Fatal(err)
	}
	var to slow
	ended := make(chan struct{})
	go func() { Relay(&to, o); close(ended) }()
	for n := range 200 {
		want := fmt.Sprintf("%s round %d.", strings.Repeat("x", n*7), n)
		if _, err := terminal.WriteString(want); err != nil {
			t.Fatal(err)
		}
		o.Settle()
		to.mu.Lock()
		if !strings.HasSuffix(to.text.String(), want) {
			t.Fatalf("round %d: %q", n, to.text.String()[max(0, to.text.Len()-60):])
		}
		to.mu.Unlock()
	}
	terminal.Close()
	<-ended
}

// TestSettleBlocked: nobody waits for ever for a terminal that takes nothing.
func TestSettleBlocked(t *testing.T) {
	master, terminal := pair(t)
	o, err := NewOutput(master)
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ended := make(chan struct{})
	go func() { Relay(blocked{r}, o); close(ended) }()
	if _, err := terminal.WriteString("text"); err != nil {
		t.Fatal(err)
	}
	o.Settle()
	if o.settled() {
		t.Error("it is taken for read")
	}
	w.Close()
	terminal.Close()
	<-ended
}

// blocked takes something when its pipe ends.
type blocked struct{ until *os.File }

func (b blocked) Write(p []byte) (int, error) {
	_, _ = b.until.Read(make([]byte, 1))
	return len(p), nil
}
