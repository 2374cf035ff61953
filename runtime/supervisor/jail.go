package supervisor

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle"
	"github.com/jailed-claude/jailed-claude/runtime/afterwards"
	"github.com/jailed-claude/jailed-claude/runtime/attest"
	"github.com/jailed-claude/jailed-claude/runtime/cgroup"
	"github.com/jailed-claude/jailed-claude/runtime/cores"
	"github.com/jailed-claude/jailed-claude/runtime/egress/report"
	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/runtime/hold"
	"github.com/jailed-claude/jailed-claude/runtime/inspect"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/layer"
	"github.com/jailed-claude/jailed-claude/runtime/message"
	"github.com/jailed-claude/jailed-claude/runtime/quick"
	"github.com/jailed-claude/jailed-claude/runtime/remains"
	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
	"github.com/jailed-claude/jailed-claude/runtime/userns"
	"github.com/jailed-claude/jailed-claude/runtime/viewers"
	"github.com/jailed-claude/jailed-claude/runtime/watch"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// jail is one jail, from the start of its supervisor to its end. Fields are set
// in this order.
type jail struct {
	// planner plans it while this process already makes a container, or nil.
	planner *launch.Planner
	// firstThread calls what has to be called on the first thread.
	firstThread chan<- func()
	// host leads to what this mount namespace does not show as the host does.
	host *rootfs.Host
	// netNS is a network namespace that was made before the plan was known, or
	// nil.
	netNS *os.File
	// container is the one that nearly every jail has, until the plan is known
	// and says otherwise.
	container *container
	plan      *launch.Plan
	signals   chan os.Signal
	network   *jailNet
	watch     *watch.Watch
	hold      *hold.Hold
	layers    *layer.Layers
	cgroup    *cgroup.Group
	// mounts are those that the container gets.
	mounts *rootfs.Tree
	// pid is PID 1's, agentPID the agent's, and landlocked what PID 1 says of it.
	pid, agentPID int
	landlocked    bool
	commands      commands
}

// run waits for the plan, runs the jail, and says what came of it.
func (j *jail) run() (status int, err error) {
	j.plan, status, err = j.planner.Receive(j.abandon)
	if j.plan == nil || err != nil {
		j.abandon()
		if err != nil {
			status = exitOurs
		}
		return status, err
	}
	if refused := j.refused(); refused != nil {
		_ = j.plan.Announced.Close()
		status, err = j.planner.Refuse(refused)
		return status, err
	}
	waiting := afterwards.Take(j.plan.Options.Waiting)
	defer waiting.Close()
	began, err := time.Now(), j.prepare()
	o := j.plan.Options
	var appeared <-chan struct{}
	if err == nil {
		appeared = j.watch.Start(o.Strict) // beside another runtime, which takes longer
		defer j.watch.Close()
	}
	if created := j.container.there(); err == nil {
		err = created
	}
	if err != nil {
		j.end()
		return exitOurs, err
	}
	status, killed, err := j.agent(appeared)
	refused := j.end()
	j.hold.Stop()
	j.watch.Stop()
	out, people := j.report()
	refused.Report(out, people)
	if remains.Report(out, o, j.watch, j.hold, killed) && o.Strict || j.hold.Ended() {
		status = exitOurs
	}
	remains.Instructs(out, j.plan.Spec, began, j.watch)
	then := j.layers.Report(out, o.Waiting > 0)
	end := attest.End{Status: status, Network: refused, Watch: j.watch, Hold: j.hold, Layers: j.layers.Folders(), Dial: j.network.agent.Dial}
	if err == nil && !attest.Write(out, o.Receipt, end) {
		status = exitOurs
	}
	j.plan.Announced.Over()
	j.layers.Close()
	j.commands.end(status)
	if then {
		j.plan.Announced.Close()
		afterwards.Go(waiting)
	}
	if err := fault.After(fault.Closed, err); err != nil {
		return exitOurs, err
	}
	return status, nil
}

// abandon ends the container, if there is one.
func (j *jail) abandon() {
	j.container.abandon()
	j.container = nil
}

// prepare makes all of a jail that needs no container that is there.
func (j *jail) prepare() error {
	if err := fault.After(fault.UserNS, userns.Entered()); err != nil {
		return err
	}
	s, o := j.plan.Spec, j.plan.Options
	configureLog(o)
	if len(o.Seccomp) == 0 {
		return errors.New("there is no compiled seccomp profile")
	}
	if n := j.plan.Network; n != nil && len(n.Brokers) > 0 {
		if err := cores.Hide(); err != nil {
			return err
		}
	}
	j.signals = catchSignals()
	var err error
	if j.network, err = newJailNet(s, j.plan.Network, o, &j.plan.Announced.Refused, j.host.ReadFile); err != nil {
		return err
	}
	if err := fault.After(fault.NetBegun, j.network.start(j.netNS)); err != nil {
		return err
	}
	if j.host == nil {
		if j.host, err = coverHost(); err != nil {
			return err
		}
	}
	j.network.openAgent(o, j.host)
	sources, err := rootfs.OpenSources(s.Mounts, j.host)
	if err := fault.After(fault.Sources, err); err != nil {
		return err
	}
	defer sources.Close()
	if err := j.network.trust(s.Mounts, j.plan.Rootfs, sources, j.host.ReadFile); err != nil {
		return err
	}
	if j.layers, err = layer.Open(s.Mounts, j.host.Open); err != nil {
		return err
	}
	j.watch, err = watch.New(s, sources)
	if err := fault.After(fault.Watch, err); err != nil {
		return err
	}
	if j.cgroup, err = cgroup.Open(o.Cgroup, s.Linux.Resources, j.host.Cgroup); err != nil {
		return err
	}
	if err := j.contain(); err != nil {
		return err
	}
	return j.mount(sources)
}

// mount makes what the container has not of the rootfs. It is on a second mount
// of the container's, so that nothing of it gets there before it is delivered.
func (j *jail) mount(sources rootfs.Sources) (err error) {
	s := j.plan.Spec
	if j.mounts = j.container.root; !j.isSandbox() {
		if j.mounts, err = j.container.root.Copy(); err != nil {
			return err
		}
	}
	err = bundle.WriteRootfs(j.mounts.Place, j.plan.Rootfs)
	if err := fault.After(fault.Bundle, err); err != nil {
		return err
	}
	if err := j.network.inside.Listen(j.mounts.Place, j.network.config, j.plan.Options.Desk); err != nil {
		return err
	}
	if err := j.network.told.Open(j.mounts.Place, j.plan.Rootfs); err != nil {
		return err
	}
	j.mounts.Layers = j.layers.Folders()
	if err := j.mounts.Build(s.Mounts, sources, func(m specs.Mount) bool { return !contract.InFrame(m.Destination) }); err != nil {
		return j.layers.Explain(err)
	}
	j.layers.Keep(j.mounts.TakeLayers())
	for _, path := range s.Linux.MaskedPaths {
		if !contract.InFrame(path) {
			if err := j.mounts.Hide(path); err != nil {
				return err
			}
		}
	}
	return fault.At(fault.Tree)
}

// agent starts the agent in the container, and waits until it ends. When there
// is a value in appeared it is killed, and when the mounts cannot be held.
func (j *jail) agent(appeared <-chan struct{}) (status int, killed bool, err error) {
	c := j.container
	if j.isSandbox() {
		return j.sandboxed(appeared)
	}
	if j.netNS != nil && j.network.ns == nil {
		j.netNS.Close() // the jail has the host's, or one that is closed
	}
	pid, err := c.first.Pid()
	if err != nil {
		return 0, false, err
	}
	if err := j.mounts.Deliver(pid); err != nil {
		return 0, false, err
	}
	// No mount of the jail changes any more, unless the host replaces something.
	j.hold = hold.New(j.plan.Spec)
	lost, err := j.hold.Start(pid)
	if err != nil {
		return 0, false, err
	}
	mounts := inspect.LookAtMounts(pid, j.plan.Spec)
	if err := c.order(j.plan.Spec, j.plan.Options); err != nil {
		return j.early(err)
	}
	agent, landlocked, err := c.control.ready()
	if err != nil {
		return j.early(err)
	}
	if err := fault.After(fault.Network, j.network.wait()); err != nil {
		return 0, false, err
	}
	if err := j.serveInside(); err != nil {
		return 0, false, err
	}
	if err := fault.After(fault.Inspected, j.inspect(agent, landlocked, mounts)); err != nil {
		return 0, false, err
	}
	if c.console != nil {
		if err := c.console.start(terminalOptions(j.plan.Spec), j.seen()); err != nil {
			return 0, false, err
		}
		defer c.console.restore()
	}
	if err := fault.At(fault.Releasing); err != nil {
		return 0, false, err
	}
	if err := fault.After(fault.Released, c.control.tell(message.Execute)); err != nil {
		return j.early(err)
	}
	j.pid, j.agentPID, j.landlocked = pid, agent, landlocked
	go j.settle()
	if c.console != nil && c.console.detached != nil {
		if err := c.console.detached.Announce(j.plan.Options.ID); err != nil {
			return 0, false, err
		}
	}
	quick.Forget()
	done := make(chan int, 1)
	go func() { done <- c.wait() }()
	job := newJob(pid, c.console, c.control, j.signals)
	status = job.until(done, appeared, lost)
	if c.console != nil {
		c.console.drain()
	}
	return status, job.killed, fault.At(fault.Ended)
}

// settle gives up what only the start needed. Of the rootfs the jail has its own;
// what this mount namespace has of it the kernel would drop when this process
// ends, and whoever waits for that would wait for some microseconds a mount.
func (j *jail) settle() {
	quick.Together()
	j.serve()
	j.hold.Hurry()
	j.planner.Leave()
	j.mounts.Close()
	j.container.root.Close()
	if err := j.host.Leave(); err != nil {
		logrus.WithError(err).Debug("leave the rootfs")
	}
}

// early: the agent did not come to run. If PID 1 has ended it has said why on
// its own; otherwise it waits for a word that will not come, and is ended.
func (j *jail) early(err error) (status int, killed bool, _ error) {
	if !errors.Is(err, errEnded) && !errors.Is(err, unix.EPIPE) {
		return 0, false, fmt.Errorf("start PID 1: %w", err)
	}
	status = j.container.wait()
	if console := j.container.console; console != nil {
		_ = console.start(terminalOptions(j.plan.Spec), j.seen())
		console.drain()
		console.restore()
	}
	if status == exitOurs {
		return status, false, nil
	}
	return 0, false, fmt.Errorf("start PID 1: %w (exit status %d)", err, status)
}

// seen is where what passes at the terminal is noted. If the jail may show
// notifications, one says that the agent waits.
func (j *jail) seen() viewers.Activity {
	a := viewers.Activity{State: j.plan.Announced.State}
	if c := j.network.config; c == nil || c.Bridges == nil || !c.Bridges.Notify {
		return a
	}
	w := &viewers.Waiting{State: a.State, Tell: func(text string) {
		if text != "" {
			text = "it says: " + text
		}
		j.network.session.Notify("the agent waits for you", text)
	}}
	a.Calls = w.Called
	return a
}

// end ends the jail, however far it has come, and returns the destinations that
// it was refused.
func (j *jail) end() (refused *report.Summary) {
	if j.container != nil {
		j.container.kill()
	}
	if j.network != nil {
		refused = j.network.close()
	}
	j.cgroup.Remove()
	return refused
}
