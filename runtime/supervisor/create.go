package supervisor

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/specconv"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/cgroup"
	"github.com/jailed-claude/jailed-claude/runtime/egress/wall"
	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/runtime/foreign"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/pty"
	"github.com/jailed-claude/jailed-claude/runtime/quick"
	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
	"github.com/jailed-claude/jailed-claude/runtime/userns"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// rest is what of the frame a runtime has to make. What has been done already is
// left out: the user namespace, and mounts; the network namespace may be there.
// Limits and seccomp are no business of the runtime's here.
func (c *container) rest() *specs.Spec {
	s, l := *c.spec, *c.spec.Linux
	s.Linux = &l
	l.UIDMappings, l.GIDMappings, l.Seccomp, l.Resources = nil, nil, nil, nil
	l.Namespaces = nil
	for _, ns := range c.spec.Linux.Namespaces {
		if ns.Type == specs.NetworkNamespace && c.netNS != nil {
			ns.Path = descriptorOf(os.Getpid(), c.netNS)
		}
		if ns.Type != specs.UserNamespace {
			l.Namespaces = append(l.Namespaces, ns)
		}
	}
	s.Mounts = c.root.Rest(c.spec.Mounts)
	s.Root = &specs.Root{Path: c.root.Place, Readonly: c.spec.Root.Readonly}
	return &s
}

// config translates that for libcontainer.
func (c *container) config() (*configs.Config, error) {
	name := c.name()
	config, err := specconv.CreateLibcontainerConfig(&specconv.CreateOpts{CgroupName: name, Spec: c.rest(), RootlessCgroups: true, NoNewKeyring: userns.SharesKeyring()})
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
func (c *container) name() string { return filepath.Base(c.root.Dir) }

// state is the folder that libcontainer keeps the container's state in.
func (c *container) state() string { return filepath.Join(c.root.Dir, "state") }

// descriptorOf leads any process of this user namespace to a descriptor of pid.
func descriptorOf(pid int, f *os.File) string { return fmt.Sprintf("/proc/%d/fd/%d", pid, f.Fd()) }

// start is create without a cgroup.
func (c *container) start() error {
	if c.runtime != nil {
		return c.startForeign()
	}
	config, err := c.config()
	if err != nil {
		return err
	}
	lc, err := libcontainer.Create(c.state(), c.name(), config)
	if err := fault.After(fault.Created, err); err != nil {
		return cgroup.Missing(fmt.Errorf("create the container: %w", err))
	}
	// Behind the checks of Create, which want a user namespace for it: this
	// process is in one. Its init may open all that this process may, and
	// opens the sources of mounts itself then, with no thread here for it;
	// supplementary groups, which it leaves alone, nobody can set here.
	config.RootlessEUID = true
	if c.console != nil {
		c.console.receive()
	}
	// libcontainer hands this on to its init, which needs no second thread for
	// Go code: each that it does not have need not be made, nor ended by the
	// kernel before PID 1 can be executed.
	if err := os.Setenv("GOMAXPROCS", "1"); err != nil {
		return err
	}
	c.first = c.process
	if err = lc.Start(c.process); err == nil {
		err = c.execute(lc)
	}
	if err := fault.After(fault.Started, err); err != nil {
		return fmt.Errorf("start the container: %w", err)
	}
	c.parted()
	return nil
}

// parted: ends that only the jail shall hold must not look open when it is gone.
func (c *container) parted() {
	c.control.theirs.Close()
	if c.console != nil {
		c.console.theirs.Close()
	}
}

// execute lets libcontainer's init execute PID 1: it waits for somebody to open
// a fifo. Container.Exec does that too, on another thread, and waits for what
// PID 1 says anyhow; it is for a libcontainer that has the fifo elsewhere.
func (c *container) execute(lc *libcontainer.Container) error {
	fifo := filepath.Join(c.state(), c.name(), "exec.fifo")
	fd, err := unix.Open(fifo, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return lc.Exec()
	}
	c.fifo = os.NewFile(uintptr(fd), fifo)
	return nil
}

// ahead prepares, while the jail is planned, the container that nearly every
// jail has. It returns nil where there is none; nothing depends on it.
func (j *jail) ahead() *container {
	runtime, usual := foreign.Ahead(os.Args)
	defer func() { j.netNS = cmp.Or(j.netNS, quick.Network()) }() // which no container got
	if !j.planner.Idle() || userns.Entered() != nil || !usual {
		return nil
	}
	var err error
	if j.host, err = coverHost(); err != nil {
		return nil // and will be tried again
	}
	c, err := usualContainer(j.host, runtime)
	if j.netNS = quick.Network(); j.netNS == nil && err == nil {
		j.netNS, err = wall.NewNamespace()
	}
	if err != nil {
		if c != nil {
			c.close()
		}
		logrus.WithError(err).Debug("a container ahead")
		return nil
	}
	c.netNS, j.container = j.netNS, c
	return c
}

// coverHost makes this mount namespace nobody else's business, and covers what
// a jail is made on.
func coverHost() (*rootfs.Host, error) {
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		// Ubuntu's AppArmor lets a user namespace be made and takes what it is
		// for; this is the first thing that then fails.
		return nil, &userns.Error{Step: "mount(MS_PRIVATE) in the new user namespace", Err: err}
	}
	if err != nil {
		return nil, os.NewSyscallError("make / private", err)
	}
	h, err := rootfs.Cover()
	if err := fault.After(fault.Tmpfs, err); err != nil {
		return nil, err
	}
	return h, nil
}

func usualContainer(host *rootfs.Host, runtime string) (*container, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	_, detached := launch.IsDetached()
	terminal := detached || pty.Is(os.Stdin) || pty.Is(os.Stdout) || pty.Is(os.Stderr)
	uid, gid := userns.Caller()
	c, err := newContainer(contract.UsualFrame(uid, gid, terminal, self), filepath.Join(rootfs.WorkDir, "ahead"), host, nil)
	if err != nil {
		return nil, err
	}
	c.runtime, err = foreign.Open(runtime, host.Open)
	return c, err
}
