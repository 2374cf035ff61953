package supervisor

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/foreign"
	"github.com/jailed-claude/jailed-claude/runtime/pty"
)

func (j *jail) isSandbox() bool { return foreign.Sandboxes(j.plan.Options.Runtime) }

// asked sends a signal to the jail's first process.
func (j *jail) asked(s unix.Signal) error {
	if r, ok := j.container.first.(interface{ Signal(unix.Signal) error }); ok {
		return r.Signal(s)
	}
	return unix.Kill(j.pid, s)
}

// sandboxed is agent there: the runtime is the first process. Nothing can be read of
// what holds inside.
func (j *jail) sandboxed(appeared <-chan struct{}) (status int, killed bool, err error) {
	c, o := j.container, j.plan.Options
	if err = j.network.wait(); err != nil {
		return 0, false, err
	}
	s := foreign.Sandbox{Runtime: c.runtime, Dir: c.root.Dir, Root: c.root.Place, ID: c.name(), Spec: j.plan.Spec, NetNS: j.network.ns}
	// One that is a terminal beside others that are none PID 1 replaces by a pipe.
	detached := c.console != nil && c.console.detached != nil
	if detached || c.console != nil && pty.Is(os.Stdin) && pty.Is(os.Stdout) && pty.Is(os.Stderr) {
		s.Console = func(f *os.File) { c.console.ours.Close(); c.console.ours = f; c.console.receive() }
	} else if c.console != nil {
		c.console.close()
		c.console = nil
	}
	if o.Summary {
		fmt.Fprintf(os.Stderr, "jailed-claude: jail: net=%s runtime=%q: what else holds is that runtime's; what the host replaces is not protected again\n", j.network, o.Runtime)
	}
	if err = j.cgroup.Create(func() (err error) { c.first, err = s.Start(); return err }); err == nil {
		j.pid, err = c.first.Pid()
	}
	if err != nil {
		return 0, false, err
	}
	if c.console != nil {
		if err := c.console.start(terminalOptions(j.plan.Spec), j.seen()); err != nil {
			return 0, false, err
		}
		defer c.console.restore()
	}
	j.serve()
	j.planner.Leave()
	if detached {
		if err := c.console.detached.Announce(o.ID); err != nil {
			return 0, false, err
		}
	}
	done, job := make(chan int, 1), newJob(j.pid, c.console, c.control, j.signals)
	go func() { done <- c.wait() }()
	job.send = func(s unix.Signal) { _ = j.asked(s) }
	status = job.until(done, appeared, nil)
	if c.console != nil {
		c.console.drain()
	}
	return status, job.killed, nil
}
