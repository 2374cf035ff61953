package supervisor

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/cgroup"
	"github.com/jailed-claude/jailed-claude/runtime/egress"
	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/runtime/inspect"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/message"
	"github.com/jailed-claude/jailed-claude/runtime/quick"
	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
)

// container is one jail from creation to exit.
type container struct {
	options launch.Options
	spec    *specs.Spec
	frame   *frame
	tree    *rootfs.Tree
	// late: the container was there before the mounts of the configuration.
	late    bool
	other   *launch.Planner
	covered *rootfs.Host
	cgroup  *cgroup.Group
	network *jailNet
	// refused are the destinations that the jail was refused, when it has ended.
	refused *egress.Summary
	// appeared has a value when the jail is to end at once; nil never has.
	appeared <-chan struct{}
	// killed: it was ended because of that.
	killed bool
}

// run starts the agent in a container that is there, and waits; signals are for
// the agent.
func (c *container) run(signals chan os.Signal) (status int, err error) {
	console, control := c.frame.console, c.frame.control
	defer func() {
		c.frame.kill() // whatever failed, nothing stays
		c.refused = c.network.close()
		c.cgroup.Remove()
	}()
	pid, err := c.frame.process.Pid()
	if err != nil {
		return 0, err
	}
	if c.late {
		if err := c.tree.Deliver(pid); err != nil {
			return 0, err
		}
	}
	// No mount of the jail changes any more.
	mounts := inspect.LookAtMounts(pid, c.spec)
	if err := c.frame.order(c.spec, c.options); err != nil {
		return c.early(err)
	}
	agent, landlocked, err := control.ready()
	if err != nil {
		return c.early(err)
	}
	if err := fault.After(fault.Network, c.network.wait()); err != nil {
		return 0, err
	}
	if err := fault.After(fault.Inspected, c.inspect(agent, landlocked, mounts)); err != nil {
		return 0, err
	}
	if console != nil {
		if err := console.start(terminalOptions(c.spec)); err != nil {
			return 0, err
		}
		defer console.restore()
	}
	if err := fault.At(fault.Releasing); err != nil {
		return 0, err
	}
	if err := fault.After(fault.Released, control.tell(message.Execute)); err != nil {
		return c.early(err)
	}
	go c.settle()
	quick.Forget()
	done := make(chan int, 1)
	process := c.frame.process
	go func() { done <- wait(process) }()
	j := newJob(pid, console, control, signals)
	status = j.until(done, c.appeared)
	c.killed = j.killed
	c.frame.process = nil
	if console != nil {
		console.drain()
	}
	return status, fault.At(fault.Ended)
}

// inspect refuses to go on unless all that the configuration promises holds,
// and what the caller requires besides.
func (c *container) inspect(pid int, landlocked bool, mounts <-chan inspect.Mounts) error {
	summary, err := inspect.Agent{
		PID: pid, Landlocked: landlocked, Mounts: mounts, Require: c.options.Require,
		Network: c.network.String(), HoldsNetwork: c.network.holds, Limits: c.cgroup.Hold,
	}.Inspect()
	if err == nil && c.options.Summary {
		fmt.Fprintf(os.Stderr, "jailed-claude: jail: %s\n", summary)
	}
	return err
}

// settle gives up what only the start needed. Of the rootfs the jail has its own;
// what this mount namespace has of it the kernel would drop when this process
// ends, and whoever waits for that would wait for some microseconds a mount.
func (c *container) settle() {
	quick.Together()
	c.other.Leave()
	c.tree.Close()
	c.frame.tree.Close()
	if err := c.covered.Leave(); err != nil {
		logrus.WithError(err).Debug("leave the rootfs")
	}
}

// early: the agent did not come to run. If PID 1 has ended it has said why on
// its own; otherwise it waits for a word that will not come, and is ended.
func (c *container) early(err error) (int, error) {
	if !errors.Is(err, errEnded) && !errors.Is(err, unix.EPIPE) {
		return 0, fmt.Errorf("start PID 1: %w", err)
	}
	status := wait(c.frame.process)
	c.frame.process = nil
	if console := c.frame.console; console != nil {
		_ = console.start(terminalOptions(c.spec))
		console.drain()
		console.restore()
	}
	if status == exitOurs {
		return status, nil
	}
	return 0, fmt.Errorf("start PID 1: %w (exit status %d)", err, status)
}

// wait returns the exit status in the shell's notation: 128+N for signal N.
func wait(p *libcontainer.Process) int {
	st, err := p.Wait()
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
