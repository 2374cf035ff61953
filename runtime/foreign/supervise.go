package foreign

import (
	"context"
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
	"github.com/jailed-claude/jailed-claude/internal/memfd"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// Auto has our own code create the container, in a user namespace that a runtime of
// the distribution makes where this host refuses it to this program.
const Auto = "auto"

// Supervisor is a program of the host that is to run in a user and a mount namespace
// of its own. A runtime makes these and nothing else: no other namespace, no limit,
// and a root that has the host's in a folder.
type Supervisor struct {
	// HostRoot is that folder, and Program a path on the host.
	HostRoot, Program string
	Args              []string
	// Env is its environment. What it inherits behind 0, 1 and 2 are Files, and then
	// told, a socket: a byte comes when the runtime has gone, and one goes back when
	// the folder is left.
	Env    func(told int, trial bool) []string
	Files  []*os.File
	UID    int
	GID    int
	stderr *os.File
}

// Distribution are the runtimes that may be asked for that: the distribution has
// them, and nothing that runs as this user could have changed them.
func Distribution() (all []string) {
	for _, name := range distribution {
		p, err := filepath.EvalSymlinks(name)
		if err == nil && unix.Access(p, unix.X_OK) == nil && !writable(p) && !writable(filepath.Dir(p)) {
			all = append(all, p)
		}
	}
	return all
}

// distribution is where they are. Tests have others.
var distribution = []string{"/usr/sbin/runc", "/usr/bin/runc", "/usr/bin/crun"}

func writable(p string) bool {
	return unix.Faccessat(unix.AT_FDCWD, p, unix.W_OK, unix.AT_EACCESS) == nil
}

// Try starts a supervisor that only looks whether a jail could be made, and returns
// what it or the runtime says where not.
func (s Supervisor) Try(runtime string) error {
	said, err := memfd.Create("said")
	if err != nil {
		return err
	}
	defer said.Close()
	s.stderr, s.Files = said, nil
	p, err := s.start(runtime, true)
	if err == nil {
		late := time.AfterFunc(patience, func() { _ = p.Kill() })
		var state *os.ProcessState
		if state, err = p.Wait(); err == nil && !state.Success() {
			err = errors.New(state.String())
		}
		late.Stop()
	}
	if err == nil {
		return nil
	}
	text, _ := io.ReadAll(io.NewSectionReader(said, 0, 4096))
	return fmt.Errorf("%s: %w: %s", runtime, err, strings.Join(strings.Fields(string(text)), " "))
}

// Start starts the supervisor, as a child of this process.
func (s Supervisor) Start(runtime string) (*os.Process, error) {
	s.stderr = os.Stderr
	return s.start(runtime, false)
}

func (s *Supervisor) start(runtime string, trial bool) (_ *os.Process, err error) {
	sweep(tempDir())
	dir, err := os.MkdirTemp(tempDir(), prefix)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	tell, told := os.NewFile(uintptr(pair[0]), "tell"), os.NewFile(uintptr(pair[1]), "told")
	defer tell.Close()
	defer told.Close()
	const first = 3 // of exec.Cmd
	if err := s.write(dir, s.Env(first+len(s.Files), trial)); err != nil {
		return nil, err
	}
	// What the runtime starts becomes a child of this process when it has ended.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, os.NewSyscallError("prctl(PR_SET_CHILD_SUBREAPER)", err)
	}
	files, pidFile, before := append(slices.Clip(s.Files), told), filepath.Join(dir, "pid"), children()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r := exec.CommandContext(ctx, runtime, append(global(runtime, filepath.Join(dir, "state")),
		"run", "--detach", "--no-new-keyring", "--bundle", dir, "--pid-file", pidFile, "--preserve-fds", strconv.Itoa(len(files)), filepath.Base(dir))...)
	r.ExtraFiles, r.Stdin, r.Stdout, r.Stderr = files, os.Stdin, os.Stdout, s.stderr
	// It ends with this process, whose thread this is, unless it makes the container
	// just now: runc ignores the signal then, and what it makes finds nobody and ends.
	// Killed between the two, it would leave its init behind, which waits for it.
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	r.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGTERM}
	if err := toEnd(ctx, r); err != nil {
		return nil, err
	}
	p, err := child(runtime, pidFile)
	if err != nil {
		return nil, err
	}
	reap(before, p.process.Pid)
	// Whatever becomes of it, it does not keep its end.
	told.Close()
	if _, err := tell.Write([]byte{0}); err != nil {
		return nil, errors.Join(err, p.end())
	}
	_, _ = tell.Read(make([]byte, 1))
	return p.process, nil
}

// prefix is that of the names of containers' folders.
const prefix = "jailed-claude-container-"

func tempDir() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		return dir
	}
	return os.TempDir()
}

// sweep removes the folders of those of this user's that were killed before they could.
func sweep(in string) {
	all, _ := filepath.Glob(filepath.Join(in, prefix+"*"))
	for _, dir := range all {
		var st unix.Stat_t
		if unix.Lstat(dir, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR && int(st.Uid) == os.Geteuid() && time.Since(time.Unix(st.Mtim.Unix())) > 4*patience {
			_ = os.RemoveAll(dir) // or the next one does it
		}
	}
}

// write makes the bundle.
func (s *Supervisor) write(dir string, env []string) error {
	all := capabilities()
	text, err := bundle.Marshal(&specs.Spec{
		Version: contract.OCIVersion,
		Root:    &specs.Root{Path: "rootfs"},
		Process: &specs.Process{
			Args: append([]string{s.HostRoot + s.Program}, s.Args...), Env: env, Cwd: "/",
			Capabilities: &specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all},
		},
		Mounts: []specs.Mount{
			// The runtime reads there what it has to close.
			{Destination: "/proc", Type: "bind", Source: "/proc", Options: []string{"rbind"}},
			{Destination: "/dev", Type: "bind", Source: "/dev", Options: []string{"rbind"}},
			{Destination: s.HostRoot, Type: "bind", Source: "/", Options: []string{"rbind"}},
		},
		Linux: &specs.Linux{
			UIDMappings: []specs.LinuxIDMapping{{HostID: uint32(s.UID), Size: 1}},
			GIDMappings: []specs.LinuxIDMapping{{HostID: uint32(s.GID), Size: 1}},
			Namespaces:  []specs.LinuxNamespace{{Type: specs.UserNamespace}, {Type: specs.MountNamespace}},
		},
	})
	if err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, "rootfs"), 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, bundle.ConfigName), text, 0o600)
}

// capabilities are all that this kernel has, as who makes a user namespace has them
// in it.
func capabilities() []string {
	last := len(capabilityNames) - 1
	if text, err := os.ReadFile("/proc/sys/kernel/cap_last_cap"); err == nil {
		if n, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			last = min(last, n)
		}
	}
	all := make([]string, last+1)
	for i := range all {
		all[i] = "CAP_" + capabilityNames[i]
	}
	return all
}

// capabilityNames have the numbers of capability.h.
var capabilityNames = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT
SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE
AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`)
