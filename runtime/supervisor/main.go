package supervisor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle"
	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/spec"
)

// exitOurs is the exit status of failures of ours, as in chroot(1) and podman.
const exitOurs = 125

// Main is the supervisor: it starts the jail that was handed over, waits for
// it, and returns the exit status of its program.
//
// Preconditions: on the main goroutine, in a process for which IsStage is true.
func Main() (status int, err error) {
	// PID 1 dies with the thread that made it, so that has to be one that
	// lives as long as the process.
	goruntime.LockOSThread()
	Punctual()
	h, status, err := takeOver()
	if h == nil || err != nil {
		return status, err
	}
	if err := fault.After(fault.UserNS, entered()); err != nil {
		return exitOurs, err
	}
	configureLog(h.Options)
	status, err = run(h)
	if err != nil {
		return exitOurs, err
	}
	return status, nil
}

func configureLog(o Options) {
	if level, err := logrus.ParseLevel(o.LogLevel); err == nil {
		logrus.SetLevel(level)
	}
	if o.LogFormat == "json" {
		logrus.SetFormatter(&logrus.JSONFormatter{})
	}
}

func run(h *handover) (int, error) {
	unix.Umask(0o022)
	if len(h.Options.Keys) > 0 {
		if err := hideCores(); err != nil {
			return 0, err
		}
	}
	signals := make(chan chan os.Signal, 1)
	go func() { signals <- catchSignals() }()
	n, err := newJailNet(h.spec, h.Options)
	if err != nil {
		return 0, err
	}
	if err := fault.After(fault.NetBegun, n.start(h.netNS)); err != nil {
		return 0, err
	}
	t, err := openSources(h.spec.Mounts)
	if err != nil {
		return 0, err
	}
	defer t.close()
	w, err := newWatch(h.spec, t)
	if err != nil {
		return 0, err
	}
	defer w.close()
	cg, err := openCgroup(h.Options.Cgroup, h.spec.Linux.Resources)
	if err != nil {
		return 0, err
	}
	if err := privateWorkDir(); err != nil {
		return 0, err
	}
	dir := filepath.Join(workDir, "bundle")
	j := &spec.Jail{Spec: h.spec, Rootfs: h.Rootfs}
	if err := fault.After(fault.Bundle, bundle.Create(dir, j, bundle.Options{Bare: true, Config: h.config})); err != nil {
		return 0, err
	}
	b := &bundle.Bundle{Dir: dir, Spec: h.spec}
	dev := filepath.Join(workDir, "dev")
	if err := os.Mkdir(dev, 0o755); err != nil {
		return 0, err
	}
	rest, err := t.build(b.Rootfs(), dev, b.Spec.Mounts)
	if err != nil {
		return 0, err
	}
	t.close()
	c, err := newContainer(b, rest, cg, n, h.Options)
	if err != nil {
		return 0, err
	}
	if h.Options.Strict {
		c.appeared = w.start()
	}
	status, err := c.run(<-signals)
	w.stop()
	reportRefused(os.Stderr, c.refused, tty(os.Stderr))
	if w.report(os.Stderr, h.Options.Strict) && h.Options.Strict {
		status = exitOurs
	}
	return status, fault.After(fault.Closed, err)
}

// leaveTree drops what this mount namespace still has of the rootfs: the jail
// has its own. Otherwise the kernel would do it when this process ends, and
// whoever waits for that would wait for some microseconds a mount.
func leaveTree() {
	if err := unix.Unmount(workDir, unix.MNT_DETACH); err != nil {
		logrus.WithError(err).Debug("leave the rootfs")
	}
}

// privateWorkDir gives this mount namespace a tmpfs of its own, and a view
// that nothing on the host sees or changes. libcontainer would make cgroups
// where it may, and a supervisor that is killed would leave them: here all
// cgroup file systems are read-only, which it takes for a rootless user's lack
// of permission. Limits are set by this package.
func privateWorkDir() error {
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		// Ubuntu's AppArmor lets a user namespace be made and takes what it is
		// for; this is the first thing that then fails.
		return &UserNSError{Step: "mount(MS_PRIVATE) in the new user namespace", Err: err}
	}
	if err != nil {
		return os.NewSyscallError("make / private", err)
	}
	if err := readOnlyCgroups("/sys/fs/cgroup"); err != nil {
		return fmt.Errorf("make cgroups read-only: %w", err)
	}
	if err := unix.Mount("tmpfs", workDir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0700"); err != nil {
		return fmt.Errorf("mount a tmpfs on %s: %w", workDir, err)
	}
	return fault.At(fault.Tmpfs)
}
