package e2e

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

func itoa(n int) string { return strconv.Itoa(n) }

// pty is a terminal of a caller.
type pty struct {
	master, slave *os.File
	mu            sync.Mutex
	text          []byte
	done          chan struct{}
}

func newPTY(t *testing.T) *pty {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		cannot(t, "no pseudo-terminals: %v", err)
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
	p := &pty{master: master, slave: slave, done: make(chan struct{})}
	go p.collect()
	t.Cleanup(func() { _, _ = slave.Close(), master.Close() })
	return p
}

func (p *pty) collect() {
	defer close(p.done)
	buf := make([]byte, 4096)
	for {
		n, err := p.master.Read(buf)
		p.mu.Lock()
		p.text = append(p.text, buf[:n]...)
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// shown is all that was written to the terminal so far.
func (p *pty) shown() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.text)
}

// attach makes the terminal the controlling one of a command, in a session of
// its own.
func (p *pty) attach(c *exec.Cmd) {
	c.ExtraFiles = append(c.ExtraFiles, p.slave)
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 2 + len(c.ExtraFiles)}
}

// pending is how much input waits to be read.
func (p *pty) pending() int {
	n, err := unix.IoctlGetInt(int(p.slave.Fd()), unix.TIOCINQ)
	if err != nil {
		return -1
	}
	return n
}
