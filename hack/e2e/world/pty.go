package world

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Itoa is strconv.Itoa, which tests write often.
func Itoa(n int) string { return strconv.Itoa(n) }

// PTY is a terminal of a caller.
type PTY struct {
	Master, Slave *os.File
	mu            sync.Mutex
	text          []byte
	Done          chan struct{}
}

// NewPTY opens a terminal, and collects what is written to it.
func NewPTY(t *testing.T) *PTY {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		Cannot(t, "no pseudo-terminals: %v", err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &PTY{Master: master, Slave: slave, Done: make(chan struct{})}
	go p.collect()
	t.Cleanup(func() { _, _ = slave.Close(), master.Close() })
	return p
}

func (p *PTY) collect() {
	defer close(p.Done)
	buf := make([]byte, 4096)
	for {
		n, err := p.Master.Read(buf)
		p.mu.Lock()
		p.text = append(p.text, buf[:n]...)
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Shown is all that was written to the terminal so far.
func (p *PTY) Shown() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.text)
}

// All is what was written to the terminal until the last program that had it open
// ended.
func (p *PTY) All() string {
	_ = p.Slave.Close()
	<-p.Done
	return p.Shown()
}

// Attach makes the terminal the controlling one of a command, in a session of
// its own.
func (p *PTY) Attach(c *exec.Cmd) {
	c.ExtraFiles = append(c.ExtraFiles, p.Slave)
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 2 + len(c.ExtraFiles)}
}

// Pending is how much input waits to be read.
func (p *PTY) Pending() int {
	n, err := unix.IoctlGetInt(int(p.Slave.Fd()), unix.TIOCINQ)
	if err != nil {
		return -1
	}
	return n
}
