package supervisor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/specconv"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle"
	"github.com/jailed-claude/jailed-claude/runtime/egress"
	"github.com/jailed-claude/jailed-claude/runtime/fault"
)

// container is one jail from creation to exit.
type container struct {
	options Options
	spec    *specs.Spec
	config  *configs.Config
	process *libcontainer.Process
	console *console
	control *control
	cgroup  *cgroup
	network *jailNet
	// refused are the destinations that the jail was refused, when it has ended.
	refused *egress.Summary
	// appeared has a value when the jail is to end at once; nil never has.
	appeared <-chan struct{}
}

// newContainer translates a loaded bundle for libcontainer. What has been done
// already is left out: the user namespace, and all mounts but rest; the network
// namespace may be there. Seccomp is left to PID 1, which gets it compiled.
func newContainer(b *bundle.Bundle, rest []specs.Mount, cg *cgroup, n *jailNet, o Options) (*container, error) {
	if len(o.Seccomp) == 0 {
		return nil, errors.New("there is no compiled seccomp profile")
	}
	s := *b.Spec
	l := *b.Spec.Linux
	s.Linux = &l
	l.UIDMappings, l.GIDMappings, l.Seccomp, l.Resources = nil, nil, nil, nil
	l.Namespaces = nil
	for _, ns := range b.Spec.Linux.Namespaces {
		if ns.Type == specs.NetworkNamespace {
			ns.Path = n.path()
		}
		if ns.Type != specs.UserNamespace {
			l.Namespaces = append(l.Namespaces, ns)
		}
	}
	s.Mounts = rest
	s.Root = &specs.Root{Path: b.Rootfs(), Readonly: b.Spec.Root.Readonly}
	config, err := specconv.CreateLibcontainerConfig(&specconv.CreateOpts{CgroupName: o.ID, Spec: &s, RootlessCgroups: true})
	if err != nil {
		return nil, fmt.Errorf("translate the configuration: %w", err)
	}
	config.ParentDeathSignal = int(unix.SIGKILL)
	// None of it is ever made: cgroup file systems are read-only here. Relative
	// to no other, its path can be told without reading /proc/self/cgroup once
	// for every controller.
	config.Cgroups = &cgroups.Cgroup{Parent: "/", Name: o.ID, Rootless: true, Resources: &cgroups.Resources{}}
	c := &container{options: o, spec: b.Spec, config: config, cgroup: cg, network: n}
	return c, fault.After(fault.Translated, c.newProcess())
}

// newProcess describes PID 1. To the arguments of config.json come the
// descriptors that only this runtime hands over.
func (c *container) newProcess() error {
	p := c.spec.Process
	c.process = &libcontainer.Process{
		Env: p.Env, Cwd: p.Cwd, Init: true, NoNewPrivileges: &p.NoNewPrivileges,
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		// Without it libcontainer's C code tells each step, and waits for
		// the processor that somebody wakes up on to read it.
		LogLevel: strconv.Itoa(int(logrus.GetLevel())),
	}
	for _, r := range p.Rlimits {
		t, ok := rlimits[r.Type]
		if !ok {
			return fmt.Errorf("rlimit %q is not known", r.Type)
		}
		c.process.Rlimits = append(c.process.Rlimits, configs.Rlimit{Type: t, Hard: r.Hard, Soft: r.Soft})
	}
	var flags []string
	pass := func(flag string, f *os.File) {
		// Descriptors of the new process begin behind 0, 1 and 2.
		flags = append(flags, flag+"="+strconv.Itoa(3+len(c.process.ExtraFiles)))
		c.process.ExtraFiles = append(c.process.ExtraFiles, f)
	}
	var err error
	if c.control, err = newControl(); err != nil {
		return err
	}
	pass("--control-fd", c.control.theirs)
	prog, err := memfd("seccomp", c.options.Seccomp)
	if err != nil {
		return err
	}
	pass("--seccomp-fd", prog)
	if p.Terminal {
		if c.console, err = newConsole(terminalOptions(c.spec)); err != nil {
			return err
		}
		c.process.Stdin, c.process.Stdout, c.process.Stderr = nil, nil, nil
		c.process.ConsoleSocket = c.console.theirs
		c.process.ConsoleWidth, c.process.ConsoleHeight = c.console.size()
		for flag, f := range c.console.redirected() {
			pass(flag, f)
		}
	}
	c.process.Args = append(append([]string{p.Args[0]}, flags...), p.Args[1:]...)
	return nil
}

// rlimits are the names of setrlimit(2) that a configuration may use.
var rlimits = map[string]int{
	"RLIMIT_CORE": unix.RLIMIT_CORE, "RLIMIT_NOFILE": unix.RLIMIT_NOFILE, "RLIMIT_NPROC": unix.RLIMIT_NPROC,
	"RLIMIT_AS": unix.RLIMIT_AS, "RLIMIT_FSIZE": unix.RLIMIT_FSIZE,
}

func memfd(name string, content []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err := f.Write(content); err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", name, err), f.Close())
	}
	_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_GROW|unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL)
	if err != nil {
		return nil, errors.Join(os.NewSyscallError("seal", err), f.Close())
	}
	return f, nil
}

// run creates, starts and waits; signals are for the agent.
func (c *container) run(signals chan os.Signal) (status int, err error) {
	lc, err := libcontainer.Create(filepath.Join(workDir, "state"), c.options.ID, c.config)
	if err != nil {
		return 0, fmt.Errorf("create the container: %w", err)
	}
	defer func() {
		// Whatever failed, nothing stays: this kills what still runs. A process
		// that could not even be started has no PID. It is our child, so its PID
		// is its own until Wait; the container's Signal would read /proc to be
		// sure of that, which takes a descriptor.
		if c.process != nil {
			if pid, err := c.process.Pid(); err == nil {
				_ = unix.Kill(pid, unix.SIGKILL)
				_, _ = c.process.Wait()
			}
		}
		c.refused = c.network.close()
		c.cgroup.remove()
	}()
	if err := fault.At(fault.Created); err != nil {
		return 0, err
	}
	if err := c.cgroup.enter(); err != nil {
		return 0, err
	}
	if c.console != nil {
		c.console.receive()
	}
	// libcontainer hands this on to its init, which needs no second thread for
	// Go code: each that it does not have need not be made, nor ended by the
	// kernel before PID 1 can be executed.
	if err := os.Setenv("GOMAXPROCS", "1"); err != nil {
		return 0, err
	}
	if err := fault.After(fault.Started, lc.Run(c.process)); err != nil {
		return 0, fmt.Errorf("start the container: %w", err)
	}
	if err := c.cgroup.leave(); err != nil {
		return 0, err
	}
	if err := c.cgroup.apply(); err != nil {
		return 0, err
	}
	pid, err := c.process.Pid()
	if err != nil {
		return 0, err
	}
	// Ends that only the jail shall hold must not look open when it is gone.
	for _, f := range c.process.ExtraFiles[:2] {
		f.Close()
	}
	if c.console != nil {
		c.console.theirs.Close()
	}
	if err := c.control.mounted(); err != nil {
		return c.early(err)
	}
	mounts := c.lookAtMounts(pid)
	agent, landlocked, err := c.control.ready()
	if err != nil {
		return c.early(err)
	}
	if err := fault.After(fault.Network, c.network.wait()); err != nil {
		return 0, err
	}
	if err := fault.After(fault.Inspected, c.inspect(agent, landlocked, mounts)); err != nil {
		return 0, err
	}
	if c.console != nil {
		if err := c.console.start(); err != nil {
			return 0, err
		}
		defer c.console.restore()
	}
	if err := fault.At(fault.Releasing); err != nil {
		return 0, err
	}
	if err := fault.After(fault.Released, c.control.release()); err != nil {
		return c.early(err)
	}
	go leaveTree()
	shrink()
	done := make(chan int, 1)
	go func() { done <- wait(c.process) }()
	status = newJob(pid, c.console, c.control, signals).until(done, c.appeared)
	c.process = nil
	if c.console != nil {
		c.console.drain()
	}
	return status, fault.At(fault.Ended)
}

// early: the agent did not come to run. If PID 1 has ended it has said why on
// its own; otherwise it waits for a word that will not come, and is ended.
func (c *container) early(err error) (int, error) {
	if !errors.Is(err, errEnded) && !errors.Is(err, unix.EPIPE) {
		return 0, fmt.Errorf("start PID 1: %w", err)
	}
	status := wait(c.process)
	c.process = nil
	if c.console != nil {
		_ = c.console.start()
		c.console.drain()
		c.console.restore()
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
