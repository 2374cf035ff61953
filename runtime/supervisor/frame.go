package supervisor

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/specconv"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/memfd"
	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/message"
	"github.com/jailed-claude/jailed-claude/runtime/quick"
	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/contract/wire"
)

// frame is a container as libcontainer makes it of the frame of a
// configuration (contract.Frame): its PID 1 runs and waits for orders. What the
// configuration says besides comes later.
type frame struct {
	spec *specs.Spec
	tree *rootfs.Tree
	// netNS is the network namespace that it joins, or nil: then libcontainer
	// makes what the configuration says.
	netNS   *os.File
	process *libcontainer.Process
	control *control
	console *console
	// profile and orders are read by PID 1 when it is told to.
	profile, orders *os.File
	// fifo is open until PID 1 has been executed.
	fifo *os.File
}

// newFrame prepares a container whose PID 1 begins in the folder cwd; nothing
// runs yet.
func newFrame(s *specs.Spec, t *rootfs.Tree, netNS *os.File, cwd string) (_ *frame, err error) {
	f := &frame{spec: s, tree: t, netNS: netNS}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	f.process = &libcontainer.Process{
		// What libcontainer wants to be there. The agent's own come with the
		// orders.
		Env: []string{"PATH=/", "HOME=/"}, Cwd: cwd,
		Init: true, NoNewPrivileges: &s.Process.NoNewPrivileges,
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		// Without it libcontainer's C code tells each step, and waits for
		// the processor that somebody wakes up on to read it.
		LogLevel: strconv.Itoa(int(logrus.GetLevel())),
	}
	f.process.Args = []string{contract.InitPath}
	pass := func(flag string, file *os.File) {
		// Descriptors of the new process begin behind 0, 1 and 2.
		f.process.Args = append(f.process.Args, flag+"="+strconv.Itoa(3+len(f.process.ExtraFiles)))
		f.process.ExtraFiles = append(f.process.ExtraFiles, file)
	}
	if f.control, err = newControl(); err != nil {
		return nil, err
	}
	pass("--control-fd", f.control.theirs)
	if f.profile, err = memfd.Create("seccomp"); err != nil {
		return nil, err
	}
	pass("--seccomp-fd", f.profile)
	if f.orders, err = memfd.Create("orders"); err != nil {
		return nil, err
	}
	pass("--orders-fd", f.orders)
	if s.Process.Terminal {
		if f.console, err = newConsole(); err != nil {
			return nil, err
		}
		f.process.Stdin, f.process.Stdout, f.process.Stderr = nil, nil, nil
		f.process.ConsoleSocket = f.console.theirs
		f.process.ConsoleWidth, f.process.ConsoleHeight = f.console.size()
		for flag, file := range f.console.redirected() {
			pass(flag, file)
		}
	}
	return f, nil
}

// config translates the frame for libcontainer. What has been done already is
// left out: the user namespace, and mounts; the network namespace may be there.
// Limits and seccomp are no business of libcontainer's here.
func (f *frame) config() (*configs.Config, error) {
	s, l := *f.spec, *f.spec.Linux
	s.Linux = &l
	l.UIDMappings, l.GIDMappings, l.Seccomp, l.Resources = nil, nil, nil, nil
	l.Namespaces = nil
	for _, ns := range f.spec.Linux.Namespaces {
		if ns.Type == specs.NetworkNamespace && f.netNS != nil {
			ns.Path = descriptorOf(os.Getpid(), f.netNS)
		}
		if ns.Type != specs.UserNamespace {
			l.Namespaces = append(l.Namespaces, ns)
		}
	}
	s.Mounts = f.tree.Rest(f.spec.Mounts)
	s.Root = &specs.Root{Path: f.tree.Place, Readonly: f.spec.Root.Readonly}
	name := f.name()
	config, err := specconv.CreateLibcontainerConfig(&specconv.CreateOpts{CgroupName: name, Spec: &s, RootlessCgroups: true})
	if err != nil {
		return nil, fmt.Errorf("translate the configuration: %w", err)
	}
	config.ParentDeathSignal = int(unix.SIGKILL)
	// None of it is ever made: cgroup file systems are read-only here. Relative
	// to no other, its path can be told without reading /proc/self/cgroup once
	// for every controller.
	config.Cgroups = &cgroups.Cgroup{Parent: "/", Name: name, Rootless: true, Resources: &cgroups.Resources{}}
	return config, fault.At(fault.Translated)
}

// name is that of the container for libcontainer, and of nothing else.
func (f *frame) name() string { return filepath.Base(f.tree.Dir) }

// state is the folder that libcontainer keeps the container's state in.
func (f *frame) state() string { return filepath.Join(f.tree.Dir, "state") }

// descriptorOf leads any process of this user namespace to a descriptor of pid.
func descriptorOf(pid int, f *os.File) string { return fmt.Sprintf("/proc/%d/fd/%d", pid, f.Fd()) }

// start makes the container. Only PID 1 runs then, and waits.
//
// Preconditions: on a thread that lives as long as the process, for PID 1 dies
// with the one that made it.
func (f *frame) start() error {
	config, err := f.config()
	if err != nil {
		return err
	}
	lc, err := libcontainer.Create(f.state(), f.name(), config)
	if err := fault.After(fault.Created, err); err != nil {
		return fmt.Errorf("create the container: %w", err)
	}
	// Behind the checks of Create, which want a user namespace for it: this
	// process is in one. Its init may open all that this process may, and
	// opens the sources of mounts itself then, with no thread here for it;
	// supplementary groups, which it leaves alone, nobody can set here.
	config.RootlessEUID = true
	if f.console != nil {
		f.console.receive()
	}
	// libcontainer hands this on to its init, which needs no second thread for
	// Go code: each that it does not have need not be made, nor ended by the
	// kernel before PID 1 can be executed.
	if err := os.Setenv("GOMAXPROCS", "1"); err != nil {
		return err
	}
	if err = lc.Start(f.process); err == nil {
		err = f.execute(lc)
	}
	if err := fault.After(fault.Started, err); err != nil {
		return fmt.Errorf("start the container: %w", err)
	}
	// Ends that only the jail shall hold must not look open when it is gone.
	f.control.theirs.Close()
	if f.console != nil {
		f.console.theirs.Close()
	}
	return nil
}

// execute lets libcontainer's init execute PID 1: it waits for somebody to open
// a fifo. Container.Exec does that too, on another thread, and waits for what
// PID 1 says anyhow; it is for a libcontainer that has the fifo elsewhere.
func (f *frame) execute(lc *libcontainer.Container) error {
	fifo := filepath.Join(f.state(), f.name(), "exec.fifo")
	fd, err := unix.Open(fifo, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return lc.Exec()
	}
	f.fifo = os.NewFile(uintptr(fd), fifo)
	return nil
}

// fits reports whether the container is that of a configuration as well.
func (f *frame) fits(s *specs.Spec) bool {
	var ours, theirs wire.Codec
	wire.Spec(&ours, f.spec)
	wire.Spec(&theirs, contract.Frame(s))
	return bytes.Equal(ours.Bytes(), theirs.Bytes())
}

// order tells PID 1 what the configuration says of the process, and the
// compiled seccomp profile. It goes on then.
func (f *frame) order(s *specs.Spec, o launch.Options) error {
	// PID 1 is there and waits: limits that were set before are undone by the
	// Go runtime that executed it.
	if err := f.control.there(); err != nil {
		return err
	}
	if f.fifo != nil {
		f.fifo.Close()
	}
	pid, err := f.process.Pid()
	if err != nil {
		return err
	}
	if err := quick.Release(pid); err != nil {
		return fmt.Errorf("give PID 1 what the caller has: %w", err)
	}
	for _, r := range s.Process.Rlimits {
		resource, err := resourceOf(r.Type)
		if err != nil {
			return err
		}
		if err := unix.Prlimit(pid, resource, &unix.Rlimit{Cur: r.Soft, Max: r.Hard}, nil); err != nil {
			return fmt.Errorf("limit %s: %w", r.Type, os.NewSyscallError("prlimit", err))
		}
	}
	if err := memfd.Seal(f.profile, o.Seccomp); err != nil {
		return err
	}
	if err := memfd.Seal(f.orders, encodeOrders(s, f.process.Cwd, logrus.IsLevelEnabled(logrus.DebugLevel) && o.LogFormat != "json")); err != nil {
		return err
	}
	return f.control.tell(message.Orders)
}

// resourceOf knows the names of setrlimit(2) that a configuration may use.
func resourceOf(name string) (int, error) {
	switch name {
	case "RLIMIT_CORE":
		return unix.RLIMIT_CORE, nil
	case "RLIMIT_NOFILE":
		return unix.RLIMIT_NOFILE, nil
	case "RLIMIT_NPROC":
		return unix.RLIMIT_NPROC, nil
	case "RLIMIT_AS":
		return unix.RLIMIT_AS, nil
	case "RLIMIT_FSIZE":
		return unix.RLIMIT_FSIZE, nil
	}
	return 0, fmt.Errorf("rlimit %q is not known", name)
}

// kill ends what runs in the container. A process that could not even be
// started has no PID. It is our child, so its PID is its own until Wait;
// libcontainer's Signal would read /proc to be sure of that, which takes a
// descriptor.
func (f *frame) kill() {
	if f.process == nil {
		return
	}
	if pid, err := f.process.Pid(); err == nil {
		_ = unix.Kill(pid, unix.SIGKILL)
		_, _ = f.process.Wait()
	}
	f.process = nil
}

// close ends a container that is not needed.
func (f *frame) close() {
	f.kill()
	for _, file := range []*os.File{f.profile, f.orders, f.fifo} {
		if file != nil {
			file.Close()
		}
	}
	if f.control != nil {
		f.control.close()
	}
	if f.console != nil {
		f.console.close()
	}
}

var errNoProfile = errors.New("there is no compiled seccomp profile")
