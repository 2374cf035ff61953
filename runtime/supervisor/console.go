package supervisor

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/pty"
	"github.com/jailed-claude/jailed-claude/runtime/question"
	"github.com/jailed-claude/jailed-claude/runtime/terminal"
	"github.com/jailed-claude/jailed-claude/runtime/viewers"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// console joins the jail's own terminal to the caller's. Of the standard
// descriptors those that are terminals get the jail's; the others are passed
// as they are, so that pipes and files stay separate. No descriptor of the
// caller's terminal enters the jail: with one, a program could type into it
// (TIOCSTI, CVE-2017-5226).
type console struct {
	theirs *os.File // where libcontainer's init sends the master
	ours   *os.File
	got    chan error
	master *os.File
	// shown is what of it the jail writes.
	shown *pty.Output
	// input are the modes in which the caller's terminal was found, if standard
	// input is one.
	input *unix.Termios
	// typed is what is typed there for the jail.
	typed *pty.Input
	// output is where the jail's terminal is shown, through filter.
	output *os.File
	filter *terminal.Filter
	// gate is where questions are asked; nil where nobody can answer one.
	gate *question.Gate
	// screen is where it is kept for viewers, in place of output, where the jail is
	// detached. It is set by start.
	detached *launch.Detached
	screen   *viewers.Screen
	// relayed: start has been called.
	relayed bool
	copied  chan struct{}
	// gone is closed some time after the caller's terminal went.
	gone chan struct{}
}

func newConsole() (*console, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	c := &console{
		ours: os.NewFile(uintptr(fds[0]), "console"), theirs: os.NewFile(uintptr(fds[1]), "console"),
		got: make(chan error, 1), copied: make(chan struct{}), gone: make(chan struct{}),
	}
	if d, ok := launch.IsDetached(); ok {
		c.detached = &d
		return c, nil
	}
	if pty.Is(os.Stdin) {
		if c.input, err = pty.Modes(os.Stdin); err != nil {
			return nil, fmt.Errorf("terminal: %w", err)
		}
	}
	for _, f := range []*os.File{os.Stdout, os.Stderr, os.Stdin} {
		if pty.Is(f) {
			c.output = f
			break
		}
	}
	if c.output == nil {
		return nil, errors.New("the configuration wants a terminal, and there is none: standard input, output and error are all redirected")
	}
	return c, nil
}

// close gives up a console that is not needed.
func (c *console) close() {
	c.ours.Close()
	c.theirs.Close()
}

// hungUp: the caller's terminal is gone.
func (c *console) hungUp() bool {
	if c == nil || c.output == nil {
		return false
	}
	fds := []unix.PollFd{{Fd: int32(c.output.Fd())}}
	_, err := unix.Poll(fds, 0)
	return err == nil && fds[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
}

// terminalOptions are those of a configuration, which has passed contract.Check.
func terminalOptions(s *specs.Spec) terminal.Options {
	return terminal.Options{Clipboard: s.Annotations[contract.TerminalAnnotation] == contract.TerminalClipboardWrite}
}

// redirected are the flags of PID 1 for the descriptors that are no terminals.
func (c *console) redirected() iter.Seq2[string, *os.File] {
	return func(yield func(string, *os.File) bool) {
		for _, d := range []struct {
			flag string
			file *os.File
		}{{"--stdin-fd", os.Stdin}, {"--stdout-fd", os.Stdout}, {"--stderr-fd", os.Stderr}} {
			if c.detached == nil && !pty.Is(d.file) && !yield(d.flag, d.file) {
				return
			}
		}
	}
}

func (c *console) size() (width, height uint16) {
	if c.detached != nil {
		return c.detached.Width, c.detached.Height
	}
	return pty.Size(c.output)
}

// receive waits for the master in the background: the container sends it while
// it is being created.
func (c *console) receive() {
	go func() {
		buf, oob := make([]byte, 4096), make([]byte, unix.CmsgSpace(4))
		_, oobn, _, _, err := unix.Recvmsg(int(c.ours.Fd()), buf, oob, unix.MSG_CMSG_CLOEXEC)
		if err == nil {
			err = c.adopt(oob[:oobn])
		}
		c.got <- err
	}()
}

func (c *console) adopt(oob []byte) error {
	cmsgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return os.NewSyscallError("recvmsg", err)
	}
	if len(cmsgs) != 1 {
		return errors.New("the container sent no terminal")
	}
	fds, err := unix.ParseUnixRights(&cmsgs[0])
	if err != nil || len(fds) != 1 {
		return errors.New("the container sent no terminal")
	}
	// Non-blocking, the Go runtime waits for it without a thread.
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return err
	}
	c.master = os.NewFile(uintptr(fds[0]), "master")
	if !pty.Is(c.master) {
		return errors.New("the container sent what is no terminal")
	}
	c.shown, err = pty.NewOutput(c.master)
	return err
}

// start puts the caller's terminal into raw mode and begins to relay what o
// lets through, and to note that in seen. The second call does nothing: a jail that ends early may have
// been relayed already.
func (c *console) start(o terminal.Options, seen viewers.Activity) error {
	if c.relayed {
		return nil
	}
	c.relayed = true
	if err := <-c.got; err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	if c.detached != nil {
		return c.keep(o, seen)
	}
	c.filter = terminal.NewFilter(seen.Output(c.output), o)
	if err := c.raw(); err != nil {
		return err
	}
	c.resize()
	gate := question.New(c.filter, c.output, func() { pty.Nudge(c.master, c.resize) })
	if c.input != nil {
		in, err := pty.NewInput(os.Stdin)
		if err != nil {
			return fmt.Errorf("terminal: %w", err)
		}
		c.typed, c.gate = in, gate
		go func() {
			pty.Relay(gate.Input(seen.Input(c.master)), in)
			if c.hungUp() {
				time.AfterFunc(time.Second, func() { close(c.gone) }) // the kernel's SIGHUP comes before
			}
		}()
	} else if err := pty.Change(c.master, func(t *unix.Termios) { t.Oflag &^= unix.ONLCR }); err != nil {
		// The caller's terminal is not raw then: it adds the carriage returns.
		return fmt.Errorf("terminal: %w", err)
	}
	go func() {
		defer close(c.copied)
		pty.Relay(gate, c.shown)
		// However the jail ended: what it has left on in the terminal would
		// be the shell's.
		if err := gate.Last(c.filter.Restore); err != nil {
			logrus.WithError(err).Debug("restore terminal")
		}
	}()
	return nil
}

// keep keeps a detached jail's terminal for viewers.
func (c *console) keep(o terminal.Options, seen viewers.Activity) error {
	c.screen = &viewers.Screen{Master: c.master, Options: o, Activity: seen}
	if err := c.screen.Start(c.size()); err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	go func() {
		defer close(c.copied)
		pty.Relay(c.screen, c.shown)
	}()
	return nil
}

func (c *console) raw() error {
	if c.input == nil {
		return nil
	}
	if err := pty.Change(os.Stdin, pty.Raw); err != nil {
		return fmt.Errorf("terminal: raw mode: %w", err)
	}
	return nil
}

// restore gives the caller's terminal back as it was found.
func (c *console) restore() {
	if c.input != nil {
		if err := pty.GiveBack(os.Stdin, c.input); err != nil {
			logrus.WithError(err).Debug("reset terminal")
		}
	}
}

func (c *console) resize() {
	if c.detached != nil {
		return
	}
	w, h := c.size()
	if err := pty.Resize(c.master, w, h); err != nil {
		logrus.WithError(err).Debug("resize terminal")
	}
}

// drain waits until all output of a jail that has ended is shown. What is typed now
// is not for the jail.
func (c *console) drain() {
	if c.typed != nil {
		c.gate.End()
		c.typed.End()
	}
	<-c.copied
}
