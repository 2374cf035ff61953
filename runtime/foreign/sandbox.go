package foreign

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Sandboxes reports whether a runtime runs a jail in a kernel of its own: gVisor
// does. No mount can be moved there, and nothing is seen in /proc.
func Sandboxes(runtime string) bool { return strings.HasPrefix(filepath.Base(runtime), "runsc") }

// Sandbox is a jail for such a runtime. The runtime is a child of this process for as
// long as the jail runs, in the network namespace whose wall stands, and ends with it.
type Sandbox struct {
	// Runtime is its program, by its path on the host.
	Runtime *os.File
	// Dir is a folder that no other mount namespace has. Root is a rootfs below it
	// with all mounts of Spec, but those that are inside of the kernel.
	Dir, Root, ID string
	Spec          *specs.Spec
	// NetNS is the network namespace it has; nil for this process's, or for none where
	// Spec has one.
	NetNS *os.File
	// Console gets the connection over which its terminal comes; nil for none.
	Console func(*os.File)
}

// ErrNoExec is the answer to who wants to run a further program in such a jail.
var ErrNoExec = errors.New("exec: not under gVisor, which has a kernel of its own that nothing can be put into")

// CheckSandbox returns what of a jail such a runtime cannot have, by name.
func CheckSandbox(n *network.Network, require []string) error {
	no := func(what string) error {
		return hint.Add(fmt.Errorf("%s: not under gVisor, which has a kernel of its own that this program cannot look into", what), "use --runtime own, runc or crun, or leave it out")
	}
	for _, r := range require {
		if r != "net" {
			return no("--require " + r)
		}
	}
	switch {
	case n == nil:
		return nil
	case n.Bridges != nil:
		return no("[bridges]")
	case n.SSH != nil:
		return no("[ssh]")
	}
	return nil
}

// passesOn is how long a runtime may take to pass a signal on.
const passesOn = 5 * time.Second

// cannot is runsc's status where it fails itself.
const cannot = 128

// running is the runtime, as the first process of the jail.
type running struct {
	*exec.Cmd
	signal func(unix.Signal) error
}

func (r running) Pid() (int, error) { return r.Process.Pid, nil }

func (r running) Wait() (*os.ProcessState, error) {
	err := r.Cmd.Wait()
	if _, ended := errors.AsType[*exec.ExitError](err); ended {
		err = nil
	}
	if r.ProcessState.ExitCode() == cannot {
		fmt.Fprintf(os.Stderr, "jailed-claude: hint: %s ends with %d where it cannot run a jail, and says why above; otherwise that is the program's own status\n", r.Args[0], cannot)
	}
	return r.ProcessState, err
}

// Signal sends a signal to the jail's own first process.
func (r running) Signal(s unix.Signal) error { return r.signal(s) }

// Start starts it, with the standard descriptors of this process.
func (s *Sandbox) Start() (interface {
	Pid() (int, error)
	Wait() (*os.ProcessState, error)
}, error,
) {
	dir := filepath.Join(s.Dir, bundleName)
	if err := s.write(dir); err != nil {
		return nil, err
	}
	net := "--network=host"
	if s.NetNS == nil && slices.ContainsFunc(s.Spec.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.NetworkNamespace }) {
		net = "--network=none"
	}
	global := []string{"--root", filepath.Join(dir, "state"), "--rootless", "--ignore-cgroups", "--oci-seccomp", "--overlay2=none", "--directfs=false", net}
	args := append(slices.Clone(global), "run", "--bundle", dir)
	var console *os.File
	if s.Console != nil {
		var err error
		socket := filepath.Join(dir, "console")
		if console, err = listen(socket); err != nil {
			return nil, err
		}
		defer console.Close()
		args = append(args, "--console-socket", socket)
	}
	command := func(args ...string) *exec.Cmd {
		r := exec.Command(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), s.Runtime.Fd()), args...)
		r.Args[0], r.Env, r.Dir = s.Runtime.Name(), []string{"PATH=" + searched}, "/"
		return r
	}
	r := command(append(args, s.ID)...)
	// Whoever left a detached jail alone shall not wait for the runtime.
	if r.Stderr = io.Writer(struct{ io.Writer }{os.Stderr}); s.Console == nil {
		r.Stdin, r.Stdout, r.Stderr = input(os.Stdin), output(os.Stdout), output(os.Stderr)
	}
	// It stays, and shall hold nothing of this process.
	if err := unix.CloseRange(3, 1<<31-1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("close_range", err)
	}
	r.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL}
	if err := s.inNetwork(r.Start); err != nil {
		return nil, fmt.Errorf("start the runtime %s: %w", s.Runtime.Name(), err)
	}
	first := running{r, func(sig unix.Signal) error {
		k := command(append(slices.Clone(global), "kill", s.ID, strconv.Itoa(int(sig)))...)
		if err := k.Start(); err != nil {
			return err
		}
		// Nobody waits for a runtime that does not pass signals on, and what ends a job
		// ends it then.
		go func() {
			late := time.AfterFunc(passesOn, func() { _ = k.Process.Kill() })
			defer late.Stop()
			if k.Wait() != nil && slices.Contains([]unix.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT}, sig) {
				_ = r.Process.Kill()
			}
		}()
		return nil
	}}
	if console == nil {
		return first, nil
	}
	// It comes while the runtime starts, which may end instead.
	c := &Container{Runtime: s.Runtime, Console: s.Console}
	if _, err := unix.Poll([]unix.PollFd{{Fd: int32(console.Fd()), Events: unix.POLLIN}}, int(patience.Milliseconds())); err != nil && !errors.Is(err, unix.EINTR) {
		return first, os.NewSyscallError("poll", err)
	}
	return first, c.accept(console)
}

// input and output: gVisor reads and writes a regular file from its beginning,
// wherever the caller was in it.
func input(f *os.File) io.Reader {
	if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
		return struct{ io.Reader }{f}
	}
	return f
}

func output(f *os.File) io.Writer {
	if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
		return struct{ io.Writer }{f}
	}
	return f
}

// inNetwork starts it on a thread that is in the jail's network. There is no way back
// for a thread, and the runtime ends with it, so it stays.
func (s *Sandbox) inNetwork(start func() error) error {
	started := make(chan error)
	go func() {
		goruntime.LockOSThread()
		var err error
		if s.NetNS != nil {
			err = os.NewSyscallError("setns", unix.Setns(int(s.NetNS.Fd()), unix.CLONE_NEWNET))
		}
		if err == nil {
			err = start()
		}
		started <- err
		if err == nil {
			select {}
		}
	}()
	return <-started
}

// write makes the bundle.
func (s *Sandbox) write(dir string) error {
	c, p, l := *s.Spec, *s.Spec.Process, *s.Spec.Linux
	c.Process, c.Linux, c.Hooks = &p, &l, nil
	c.Root = &specs.Root{Path: s.Root, Readonly: s.Spec.Root.Readonly}
	p.Terminal = s.Console != nil
	if p.Terminal {
		p.Args = slices.Insert(slices.Clone(p.Args), 1, "--terminal-is-own")
	}
	// The user namespace is there, and the runtime makes one of its own in it.
	l.UIDMappings, l.GIDMappings, l.Resources = nil, nil, nil
	l.Namespaces = slices.DeleteFunc(slices.Clone(l.Namespaces), func(n specs.LinuxNamespace) bool {
		return n.Type == specs.UserNamespace || n.Type == specs.NetworkNamespace && s.NetNS != nil
	})
	c.Mounts = nil
	inTree := func(p string) bool { return !contract.InFrame(p) || p == contract.InitPath }
	for _, m := range s.Spec.Mounts {
		if !inTree(m.Destination) {
			c.Mounts = append(c.Mounts, m)
		}
	}
	c.Mounts = append(c.Mounts, shared(s.Spec.Mounts, s.Root)...)
	// These are mounts below Root already.
	l.MaskedPaths = slices.DeleteFunc(slices.Clone(l.MaskedPaths), inTree)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	text, err := bundle.Marshal(&c)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, bundle.ConfigName), text, 0o600)
}

// shared are the mounts of the tree below root that are not read-only as the root is,
// and what is mounted in these. The kernel of the host holds the latter as well, in the
// process that opens files for the sandbox.
func shared(mounts []specs.Mount, root string) (all []specs.Mount) {
	for _, m := range mounts {
		readOnly := slices.Contains(m.Options, "ro") || slices.Contains(m.Options, "rro")
		if contract.InFrame(m.Destination) || readOnly && !slices.ContainsFunc(all, func(o specs.Mount) bool { return paths.Below(m.Destination, o.Destination) }) {
			continue
		}
		access := "rw"
		if readOnly {
			access = "ro"
		}
		all = append(all, specs.Mount{Destination: m.Destination, Type: "bind", Source: filepath.Join(root, m.Destination), Options: []string{"rbind", access, "nosuid", "nodev"}})
	}
	return all
}
