package contract

import (
	"slices"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/paths"
)

// NamespaceFlags are the clone(2) flags that make namespaces; Docker's profile
// wants all of them unset.
const NamespaceFlags = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// NotNested are the namespaces that no jail makes. Whoever owns a cgroup
// namespace can mount cgroup2, and is the owner of the files in it: without
// the mount option nsdelegate, which is the host's choice, that lifts the
// limits. Nobody needs another time.
const NotNested = unix.CLONE_NEWCGROUP | unix.CLONE_NEWTIME

// MountCalls fail with EPERM outside of a namespace that the agent made: chroot
// in a user namespace (Chromium's sandbox has its last step there), the others in
// a mount namespace.
var MountCalls = []string{"chroot", "mount", "pivot_root", "umount2"}

// dangerous are system calls that no rule may allow, whatever the arguments.
// clone3 hides its flags in memory, where no filter sees them.
var dangerous = []string{
	"acct", "add_key", "bpf", "chroot", "clock_settime", "clone3", "delete_module", "fanotify_init", "finit_module",
	"fsconfig", "fsmount", "fsopen", "fspick", "init_module", "io_uring_enter", "io_uring_register",
	"io_uring_setup", "ioperm", "iopl", "kcmp", "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie", "mount",
	"mount_setattr", "move_mount", "move_pages", "open_by_handle_at", "open_tree",
	"open_tree_attr", "perf_event_open", "pidfd_getfd", "pivot_root", "quotactl", "quotactl_fd", "reboot",
	"request_key", "setdomainname", "sethostname", "setns", "settimeofday", "swapoff", "swapon", "syslog", "umount",
	"umount2", "unshare", "userfaultfd", "vhangup",
}

func checkSeccomp(s *specs.Spec, bad report) {
	p := s.Linux.Seccomp
	if p == nil {
		bad("there is no profile")
		return
	}
	if p.DefaultAction != specs.ActErrno {
		bad("the default action is %s, not a refusal", p.DefaultAction)
	}
	if len(p.Architectures) != 1 || p.Architectures[0] != NativeArch {
		bad("architectures %v: only the native ABI is filtered tightly", p.Architectures)
	}
	for _, r := range p.Syscalls {
		if r.Action == specs.ActErrno || r.Action == specs.ActKillProcess {
			continue
		}
		if r.Action != specs.ActAllow {
			bad("a rule has the action %s", r.Action)
		}
		for _, n := range r.Names {
			switch {
			case Nesting(s) && isForNesting(n, r.Args):
			case slices.Contains(dangerous, n):
				bad("%s is allowed", n)
			// Of two conditions on one argument runtimes want only one to hold.
			case n == "clone" && (len(r.Args) != 1 || !makesNoNamespace(r.Args[0])):
				bad("clone is allowed with any flags")
			}
		}
	}
}

// Nesting reports whether a configuration lets the agent make namespaces.
func Nesting(s *specs.Spec) bool {
	if s.Process == nil {
		return false
	}
	for _, flag := range s.Process.Args {
		if flag == NestingFlag || flag == "--" {
			return flag == NestingFlag
		}
	}
	return false
}

// isForNesting: a jail whose agent may make namespaces needs the call, and the
// conditions keep it from making those that it shall not.
func isForNesting(name string, args []specs.LinuxSeccompArg) bool {
	var without uint64
	switch {
	case slices.Contains(MountCalls, name):
		return true
	case name == "clone":
		without = unix.CLONE_NEWCGROUP
	case name == "unshare":
		without = NotNested
	default:
		return false
	}
	return len(args) == 1 && args[0].Index == 0 && args[0].Op == specs.OpMaskedEqual && args[0].Value&without == without && args[0].ValueTwo&without == 0
}

// checkNesting: rename(2) refuses a mount point of the caller's own mount
// namespace alone, so from a namespace without these mounts the agent can move
// what is hidden to where nothing covers it, in every folder that it may write.
func checkNesting(s *specs.Spec, bad report) {
	if !Nesting(s) {
		return
	}
	if p := s.Linux.Seccomp; p != nil && !slices.ContainsFunc(p.Syscalls, func(r specs.LinuxSyscall) bool {
		return r.Action == specs.ActAllow && slices.Contains(r.Names, "unshare")
	}) {
		bad("process.args has %q, and the seccomp profile is not the one for it", NestingFlag)
	}
	for _, hidden := range s.Linux.MaskedPaths {
		if slices.ContainsFunc(s.Mounts, func(m specs.Mount) bool {
			return (m.Type == "bind" || m.Type == layerType) && paths.Below(hidden, m.Destination) && !slices.Contains(m.Options, "ro")
		}) {
			bad("%s is hidden in a folder that can be written: who makes namespaces can move it to where it is seen", strconv.Quote(hidden))
		}
	}
}

// makesNoNamespace: the condition lets clone(2) make no namespace, or a user
// namespace alone, which jailinit needs and then forbids.
func makesNoNamespace(a specs.LinuxSeccompArg) bool {
	return a.Index == 0 && a.Op == specs.OpMaskedEqual && a.Value&NamespaceFlags == NamespaceFlags &&
		(a.ValueTwo&NamespaceFlags == 0 || a.ValueTwo&NamespaceFlags == unix.CLONE_NEWUSER)
}
