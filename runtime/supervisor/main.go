package supervisor

import (
	"os"
	"path/filepath"

	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle"
	"github.com/jailed-claude/jailed-claude/runtime/cgroup"
	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/message"
	"github.com/jailed-claude/jailed-claude/runtime/quick"
	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
	"github.com/jailed-claude/jailed-claude/runtime/userns"
	"github.com/jailed-claude/jailed-claude/runtime/watch"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// exitOurs is the exit status of failures of ours, as in chroot(1) and podman.
const exitOurs = 125

// Main is the supervisor: it starts the jail that was handed over, waits for
// it, and returns the exit status of its program.
//
// Preconditions: in a process for which userns.IsSupervisor is true, on the main goroutine,
// which is locked to the first thread: PID 1 dies with the thread that made it,
// so that has to be one that lives as long as the process.
func Main() (status int, err error) {
	quick.Garbage()
	quick.Punctual()
	unix.Umask(0o022)
	quick.Apart()
	other := launch.Planning()
	var a *ahead
	if other != nil && idle() && userns.Entered() == nil {
		a = newAhead()
	}
	if a != nil {
		quick.Warm(new(libcontainer.State))
	}
	// All but what makes containers: to a goroutine that is locked to a thread
	// every message is a switch of threads.
	here, ended := make(chan func()), make(chan struct{})
	go func() {
		defer close(ended)
		defer other.Leave()
		status, err = takePlan(other, a).run(a, here)
	}()
	a.start()
	for {
		select {
		case do := <-here:
			do()
		case <-ended:
			return status, err
		}
	}
}

// enoughFiles is more than this half has open while it waits.
const enoughFiles = 64

// idle says whether this half may do something while it waits: the Go runtime
// crashes where it cannot open what it waits with. The other half says what is
// wrong then.
func idle() bool {
	var files unix.Rlimit
	return unix.Getrlimit(unix.RLIMIT_NOFILE, &files) == nil && files.Cur >= enoughFiles
}

func configureLog(o launch.Options) {
	if level, err := logrus.ParseLevel(o.LogLevel); err == nil {
		logrus.SetLevel(level)
		if level >= logrus.DebugLevel {
			message.Trace = func(m message.Message) { logrus.Debugf("message: %s", m) }
		}
	}
	if o.LogFormat == "json" {
		logrus.SetFormatter(&logrus.JSONFormatter{})
	}
}

// planned is a jail that was handed over, and what was made of it beside its
// container.
type planned struct {
	// h is nil where the other half ended without handing anything over, and
	// status is how it ended.
	h      *launch.Plan
	status int
	err    error
	// other is the half that planned it, which waits to be left, or nil.
	other *launch.Planner

	signals chan os.Signal
	network *jailNet
	watch   *watch.Watch
	cgroup  *cgroup.Group
	covered *rootfs.Host
	tree    *rootfs.Tree
	// fits: the container that was begun meanwhile is this jail's, and tree
	// that of the container.
	fits bool
}

// takePlan waits for a jail, and makes all of it that needs no container.
func takePlan(other *launch.Planner, a *ahead) *planned {
	p := &planned{other: other}
	if p.h, p.status, p.err = other.Receive(a.end); p.err != nil {
		p.status = exitOurs
	}
	if p.h == nil || p.err != nil {
		return p
	}
	if p.err = p.make(a); p.err != nil {
		p.status = exitOurs
	}
	return p
}

func (p *planned) make(a *ahead) error {
	if err := fault.After(fault.UserNS, userns.Entered()); err != nil {
		return err
	}
	h := p.h
	configureLog(h.Options)
	if len(h.Options.Seccomp) == 0 {
		return errNoProfile
	}
	if len(h.Options.Keys) > 0 {
		if err := hideCores(); err != nil {
			return err
		}
	}
	p.signals = catchSignals()
	var err error
	if p.network, err = newJailNet(h.Spec, h.Network, h.Options); err != nil {
		return err
	}
	if err := fault.After(fault.NetBegun, p.network.start(a.netNS())); err != nil {
		return err
	}
	if p.covered, err = a.workDir(); err != nil {
		return err
	}
	s, err := rootfs.OpenSources(h.Spec.Mounts, p.covered)
	if err := fault.After(fault.Sources, err); err != nil {
		return err
	}
	defer s.Close()
	p.fits = a.fits(h.Spec) && s.Enterable(h.Spec.Mounts, h.Spec.Process.Cwd)
	p.watch, err = watch.New(h.Spec, s)
	if err := fault.After(fault.Watch, err); err != nil {
		return err
	}
	if p.cgroup, err = cgroup.Open(h.Options.Cgroup, h.Spec.Linux.Resources, p.covered.Cgroup); err != nil {
		return err
	}
	return p.mount(s, a)
}

// mount makes the rootfs: all of it, or what the container that was begun
// meanwhile has not.
func (p *planned) mount(s rootfs.Sources, a *ahead) (err error) {
	want := func(specs.Mount) bool { return true }
	if p.fits {
		p.tree, err = a.frame.tree.Copy()
		want = func(m specs.Mount) bool { return !contract.InFrame(m.Destination) }
	} else {
		p.tree, err = rootfs.New(filepath.Join(rootfs.WorkDir, "jail"))
	}
	if err != nil {
		return err
	}
	err = bundle.WriteRootfs(p.tree.Place, p.h.Rootfs)
	if err := fault.After(fault.Bundle, err); err != nil {
		return err
	}
	if err := p.tree.Build(p.h.Spec.Mounts, s, want); err != nil {
		return err
	}
	for _, path := range p.h.Spec.Linux.MaskedPaths {
		if !contract.InFrame(path) {
			if err := p.tree.Hide(path); err != nil {
				return err
			}
		}
	}
	return fault.At(fault.Tree)
}

// run runs the jail in the container that was begun meanwhile, or in one of its
// own, which is made where functions that are sent to maker are called.
func (p *planned) run(a *ahead, maker chan<- func()) (int, error) {
	a.wait()
	if p.err != nil || p.h == nil {
		a.close()
		return p.status, p.err
	}
	status, err := p.jail(a, maker)
	if err != nil {
		return exitOurs, err
	}
	return status, nil
}

func (p *planned) jail(a *ahead, maker chan<- func()) (int, error) {
	defer p.watch.Close()
	c := &container{options: p.h.Options, spec: p.h.Spec, tree: p.tree, other: p.other, covered: p.covered, cgroup: p.cgroup, network: p.network}
	if c.frame = a.take(p.fits); c.frame != nil {
		c.late = true
	} else {
		var err error
		if c.frame, err = newFrame(contract.Frame(p.h.Spec), p.tree, p.network.ns, p.h.Spec.Process.Cwd); err != nil {
			return 0, err
		}
		made := make(chan error)
		maker <- func() { made <- c.cgroup.Create(c.frame.start) }
		if err := <-made; err != nil {
			c.frame.kill()
			c.refused = c.network.close()
			c.cgroup.Remove()
			return 0, err
		}
	}
	logrus.WithField("ahead", c.late).Debug("container")
	if a.netNS() != nil && p.network.ns == nil {
		a.ns.Close() // the jail has the host's, or one that is closed
	}
	if p.h.Options.Strict {
		c.appeared = p.watch.Start()
	}
	status, err := c.run(p.signals)
	p.watch.Stop()
	reportRefused(os.Stderr, c.refused, tty(os.Stderr))
	if p.watch.Report(os.Stderr, c.killed) && p.h.Options.Strict {
		status = exitOurs
	}
	return status, fault.After(fault.Closed, err)
}
