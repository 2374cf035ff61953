package supervisor

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/memfd"
	"github.com/jailed-claude/jailed-claude/runtime/cgroup"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/message"
	"github.com/jailed-claude/jailed-claude/runtime/orders"
	"github.com/jailed-claude/jailed-claude/runtime/quick"
	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/contract/wire"
)

// container is what libcontainer makes of the frame of a configuration
// (contract.Frame): its PID 1 runs and waits for orders. What the configuration
// says besides comes later, into the container that is there.
type container struct {
	spec *specs.Spec
	root *rootfs.Tree
	// netNS is the network namespace that it joins, or nil: then libcontainer
	// makes what the configuration says.
	netNS   *os.File
	process *libcontainer.Process
	// runtime creates it, in the place of libcontainer; nil for none.
	runtime *os.File
	// first is PID 1 from when it is there until it is waited for.
	first interface {
		Pid() (int, error)
		Wait() (*os.ProcessState, error)
	}
	control *control
	console *console
	// profile and orders are read by PID 1 when it is told to.
	profile, orders *os.File
	// fifo is open until PID 1 has been executed.
	fifo *os.File
	// created is closed when PID 1 is there, or with err could not be made.
	created chan struct{}
	err     error
}

// newContainer prepares a container in a new folder dir; nothing runs yet.
func newContainer(frame *specs.Spec, dir string, host *rootfs.Host, netNS *os.File) (_ *container, err error) {
	c := &container{spec: frame, netNS: netNS, created: make(chan struct{})}
	sources, err := rootfs.OpenSources(frame.Mounts, host)
	if err != nil {
		return nil, err
	}
	defer sources.Close()
	if c.root, err = rootfs.New(dir); err != nil {
		return nil, err
	}
	if err := c.root.Build(frame.Mounts, sources, func(specs.Mount) bool { return true }); err != nil {
		return nil, err
	}
	if err := c.prepare(); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// prepare makes PID 1's arguments, and all that it inherits.
func (c *container) prepare() (err error) {
	c.process = &libcontainer.Process{
		// What libcontainer wants to be there. The agent's own come with the
		// orders.
		Env: []string{"PATH=/", "HOME=/"}, Cwd: "/",
		Init: true, NoNewPrivileges: &c.spec.Process.NoNewPrivileges,
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		// Without it libcontainer's C code tells each step, and waits for
		// the processor that somebody wakes up on to read it.
		LogLevel: strconv.Itoa(int(logrus.GetLevel())),
	}
	c.process.Args = []string{contract.InitPath}
	pass := func(flag string, file *os.File) {
		// Descriptors of the new process begin behind 0, 1 and 2.
		c.process.Args = append(c.process.Args, flag+"="+strconv.Itoa(3+len(c.process.ExtraFiles)))
		c.process.ExtraFiles = append(c.process.ExtraFiles, file)
	}
	if c.control, err = newControl(); err != nil {
		return err
	}
	pass("--control-fd", c.control.theirs)
	if c.profile, err = memfd.Create("seccomp"); err != nil {
		return err
	}
	pass("--seccomp-fd", c.profile)
	if c.orders, err = memfd.Create("orders"); err != nil {
		return err
	}
	pass("--orders-fd", c.orders)
	if !c.spec.Process.Terminal {
		return nil
	}
	if c.console, err = newConsole(); err != nil {
		return err
	}
	c.process.Stdin, c.process.Stdout, c.process.Stderr = nil, nil, nil
	c.process.ConsoleSocket = c.console.theirs
	c.process.ConsoleWidth, c.process.ConsoleHeight = c.console.size()
	for flag, file := range c.console.redirected() {
		pass(flag, file)
	}
	return nil
}

// is reports whether the container is that of a frame.
func (c *container) is(frame *specs.Spec) bool {
	if c == nil {
		return false
	}
	var ours, theirs wire.Codec
	wire.Spec(&ours, c.spec)
	wire.Spec(&theirs, frame)
	return bytes.Equal(ours.Bytes(), theirs.Bytes())
}

// create has libcontainer make the container, in a cgroup. Only PID 1 runs then,
// and waits.
//
// Preconditions: on a thread that lives as long as the process, for PID 1 dies
// with the one that made it.
func (c *container) create(in *cgroup.Group) {
	defer close(c.created)
	c.err = in.Create(c.start)
}

// there waits until the container is created, or returns why it is not.
func (c *container) there() error {
	if c == nil {
		return nil
	}
	<-c.created
	return c.err
}

// order tells PID 1 what the configuration says of the process, and the
// compiled seccomp profile. It goes on then.
func (c *container) order(s *specs.Spec, o launch.Options) error {
	// PID 1 is there and waits: limits that were set before are undone by the
	// Go runtime that executed it.
	if err := c.control.there(); err != nil {
		return err
	}
	if c.fifo != nil {
		c.fifo.Close()
	}
	pid, err := c.first.Pid()
	if err != nil {
		return err
	}
	if err := quick.Release(pid); err != nil {
		return fmt.Errorf("give PID 1 what the caller has: %w", err)
	}
	if err := orders.Limit(pid, s.Process.Rlimits); err != nil {
		return err
	}
	if err := memfd.Seal(c.profile, o.Seccomp); err != nil {
		return err
	}
	if err := memfd.Seal(c.orders, orders.Encode(s, logrus.IsLevelEnabled(logrus.DebugLevel) && o.LogFormat != "json")); err != nil {
		return err
	}
	return c.control.tell(message.Orders)
}

// kill ends what runs in the container. A process that could not even be
// started has no PID. It is our child, so its PID is its own until Wait;
// libcontainer's Signal would read /proc to be sure of that, which takes a
// descriptor.
func (c *container) kill() {
	if c.first == nil {
		return
	}
	if pid, err := c.first.Pid(); err == nil {
		_ = unix.Kill(pid, unix.SIGKILL)
		_, _ = c.first.Wait()
	}
	c.first = nil
}

// abandon ends a container that is not needed, as soon as it can be ended. A nil
// one is none.
func (c *container) abandon() {
	if c != nil {
		<-c.created
		c.close()
	}
}

// close ends what runs in the container, and gives all up that it has.
func (c *container) close() {
	c.kill()
	for _, file := range []*os.File{c.profile, c.orders, c.fifo} {
		if file != nil {
			file.Close()
		}
	}
	if c.control != nil {
		c.control.close()
	}
	if c.console != nil {
		c.console.close()
	}
}

// wait returns the exit status in the shell's notation: 128+N for signal N.
func (c *container) wait() int {
	st, err := c.first.Wait()
	c.first = nil
	if st == nil {
		var exit interface{ ExitCode() int }
		if errors.As(err, &exit) {
			return exit.ExitCode()
		}
		return exitOurs
	}
	if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() { // not unix.WaitStatus
		return 128 + int(ws.Signal())
	}
	return st.ExitCode()
}
