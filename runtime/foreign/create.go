package foreign

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle"
	"github.com/jailed-claude/jailed-claude/internal/hint"
)

// Container is what a runtime shall create.
type Container struct {
	// Runtime is its program, by its path on the host.
	Runtime *os.File
	// Dir holds the container's rootfs and /dev, and gets the bundle and all that
	// the runtime keeps. No other mount namespace has it.
	Dir string
	ID  string
	// Spec is what is to be made of Frame, with the path of its rootfs.
	Spec, Frame *specs.Spec
	// Args and Env are PID 1's, and Files what it inherits behind 0, 1 and 2,
	// which are this process's where it has no terminal.
	Args, Env []string
	Files     []*os.File
	// Keyring: this process's session keyring is the container's.
	Keyring bool
	// Console gets the connection over which its terminal comes.
	Console func(*os.File)
}

// Open opens the program that Find found, which this mount namespace may not show;
// nil for our own code. It also makes the place ready for it.
func Open(program string, open func(string) (int, error)) (*os.File, error) {
	if program == "" || program == Auto {
		return nil, nil
	}
	fd, err := open(program)
	if err != nil {
		return nil, fmt.Errorf("the runtime: %w", err)
	}
	if tree, err := readOnly(fd); err == nil {
		unix.Close(fd)
		fd = tree
	}
	return os.NewFile(uintptr(fd), program), newCgroups()
}

// readOnly is a file on a mount of its own that nobody can write through.
func readOnly(fd int) (int, error) {
	tree, err := unix.OpenTree(fd, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err != nil {
		return -1, os.NewSyscallError("open_tree", err)
	}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		unix.Close(tree)
		return -1, os.NewSyscallError("mount_setattr", err)
	}
	return tree, nil
}

// First is the first process of a container, a child of this process.
type First struct{ process *os.Process }

// Pid is its PID.
func (f *First) Pid() (int, error) { return f.process.Pid, nil }

// Wait waits for its end.
func (f *First) Wait() (*os.ProcessState, error) { return f.process.Wait() }

// bundleName is the folder of the bundle in a container's.
const bundleName = "bundle"

// Create has the runtime create the container and execute its PID 1, which has to
// bear that its parent is the runtime at first.
//
// Should this process be killed meanwhile, the runtime goes on: PID 1 then finds
// nobody at its socket, and ends.
func Create(c *Container) (*First, error) {
	dir := filepath.Join(c.Dir, bundleName)
	if err := c.write(dir); err != nil {
		return nil, err
	}
	// What the runtime starts becomes a child of this process when it has ended.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, os.NewSyscallError("prctl(PR_SET_CHILD_SUBREAPER)", err)
	}
	pidFile := filepath.Join(dir, "pid")
	args := []string{"run", "--detach", "--bundle", dir, "--pid-file", pidFile, "--preserve-fds", strconv.Itoa(len(c.Files))}
	if c.Keyring {
		args = append(args, "--no-new-keyring")
	}
	var console *os.File
	if c.Frame.Process.Terminal {
		var err error
		socket := filepath.Join(dir, "console")
		if console, err = listen(socket); err != nil {
			return nil, err
		}
		defer console.Close()
		args = append(args, "--console-socket", socket)
	}
	before := children()
	if err := c.run(append(args, c.ID)...); err != nil {
		return nil, err
	}
	first, err := child(c.Runtime.Name(), pidFile)
	if err != nil {
		return nil, err
	}
	reap(before, first.process.Pid)
	err = c.apart(first.process.Pid)
	if err == nil && console != nil {
		err = c.accept(console)
	}
	if err != nil {
		return nil, errors.Join(err, first.end())
	}
	return first, nil
}

// write makes the bundle.
func (c *Container) write(dir string) error {
	s, p := *c.Spec, *c.Frame.Process
	s.Process, p.Args, p.Env, p.Cwd = &p, append(c.Args, "--adopted"), c.Env, "/"
	// crun takes from a mount the flags that it is not told of.
	s.Mounts = slices.Clone(s.Mounts)
	for i, m := range s.Mounts {
		of := slices.IndexFunc(c.Frame.Mounts, func(f specs.Mount) bool { return f.Destination == m.Destination && f.Type != m.Type })
		if of >= 0 {
			s.Mounts[i].Options = append(flags(c.Frame.Mounts[of].Options), m.Options...)
		}
	}
	if p.Terminal {
		// On this crun mounts the terminal. Others would make it.
		f, err := os.OpenFile(filepath.Join(c.Dir, "dev", "console"), os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		f.Close()
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	text, err := bundle.Marshal(&s)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, bundle.ConfigName), text, 0o600)
}

// flags are the options of a file system that are its mount's, not its own.
func flags(options []string) []string {
	return slices.DeleteFunc(slices.Clone(options), func(o string) bool { return strings.Contains(o, "=") })
}

// cloned tells crun that the file which it was executed from cannot be written by
// whom it starts, as Open has it. Where that is not so (crun asks the kernel), it makes
// such a file itself and executes that, which takes longer than making the container.
const cloned = "_LIBCONTAINER_CLONED_BINARY=1"

// run runs the runtime, in a process group of its own.
func (c *Container) run(args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	// An interpreter can open this path as well.
	r := exec.CommandContext(ctx, fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), c.Runtime.Fd()), append(global(c.Runtime.Name(), filepath.Join(c.Dir, bundleName, "state")), args...)...)
	r.Args[0], r.Env, r.ExtraFiles, r.Stderr = c.Runtime.Name(), []string{cloned}, c.Files, os.Stderr
	if !c.Frame.Process.Terminal {
		r.Stdin, r.Stdout = os.Stdin, os.Stdout
	}
	if err := toEnd(ctx, r); err != nil {
		return hint.Add(fmt.Errorf("the runtime %s made no container: %w", c.Runtime.Name(), err), "what it says of that is above; use another one, or --runtime own")
	}
	return nil
}

// toEnd runs a runtime as a process group of its own, until it ends by itself or
// has to.
func toEnd(ctx context.Context, r *exec.Cmd) error {
	if r.SysProcAttr == nil {
		r.SysProcAttr = &syscall.SysProcAttr{}
	}
	r.Env, r.Dir, r.SysProcAttr.Setpgid = append(r.Env, "PATH="+searched), "/", true
	r.Cancel = func() error { return unix.Kill(-r.Process.Pid, unix.SIGKILL) }
	err := r.Run()
	if ctx.Err() != nil {
		err = fmt.Errorf("it has not ended within %s", patience)
	}
	return err
}

// global are the options of a runtime for all of its commands.
func global(runtime, state string) []string {
	// By its name it is to be called as crun.
	if strings.HasPrefix(filepath.Base(runtime), "crun") {
		return []string{"--root", state, "--cgroup-manager=disabled"}
	}
	// Uid 0 of a user namespace may make no cgroups, which runc does not see by
	// itself.
	return []string{"--root", state, "--rootless=true"}
}

// child finds the process that a runtime left.
func child(runtime, pidFile string) (*First, error) {
	text, err := os.ReadFile(pidFile)
	if err != nil {
		return nil, fmt.Errorf("the runtime %s says that it made a container, and not which: %w", runtime, err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 {
		return nil, fmt.Errorf("the runtime %s says that it made the process %q", runtime, text)
	}
	// Only a child's number stays its own. crun leaves a process of its own behind,
	// which may take a moment to end.
	here := func() error { return unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil) }
	err = here()
	for end := time.Now().Add(patience); errors.Is(err, unix.ECHILD) && time.Now().Before(end); err = here() {
		time.Sleep(100 * time.Microsecond)
	}
	if err != nil {
		return nil, fmt.Errorf("the process %d that the runtime %s names: %w", pid, runtime, os.NewSyscallError("waitid", err))
	}
	p, err := os.FindProcess(pid)
	return &First{p}, err
}

// apart checks that the first process has namespaces of its own where it shall. All
// else is read from the kernel for the agent (package inspect), whatever made the
// container.
func (c *Container) apart(pid int) error {
	for _, ns := range c.Spec.Linux.Namespaces {
		name, ok := map[specs.LinuxNamespaceType]string{specs.MountNamespace: "mnt", specs.NetworkNamespace: "net"}[ns.Type]
		if !ok {
			name = string(ns.Type)
		}
		theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, name))
		if err != nil {
			return err
		}
		if ours, err := os.Readlink("/proc/self/ns/" + name); err != nil || ours == theirs {
			return fmt.Errorf("the runtime %s made no %s namespace: %w", c.Runtime.Name(), ns.Type, errors.Join(err, errLeftOut))
		}
	}
	return nil
}

// errLeftOut: the runtime says that it did what the configuration says.
var errLeftOut = errors.New("the configuration wants one")

// end ends a container that is not wanted.
func (f *First) end() error {
	err := f.process.Kill()
	_, _ = f.process.Wait()
	return err
}

// patience is for a runtime that does not do its part. Tests have less of it.
var patience = 30 * time.Second

// searched is PATH for a runtime that calls others.
const searched = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// listen makes a socket for the terminal.
func listen(path string) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), path)
	if err = unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err == nil {
		err = unix.Listen(fd, 1)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the socket for the terminal: %w", err), f.Close())
	}
	return f, nil
}

// accept takes the connection over which the terminal comes. The runtime has made
// it, if it makes one.
func (c *Container) accept(l *os.File) error {
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(l.Fd()), Events: unix.POLLIN}}, 0); err != nil || n == 0 {
		return fmt.Errorf("the runtime %s sent no terminal", c.Runtime.Name())
	}
	fd, _, err := unix.Accept4(int(l.Fd()), unix.SOCK_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("accept", err)
	}
	c.Console(os.NewFile(uintptr(fd), "console"))
	return nil
}
