package spec

import (
	"slices"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

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

func checkSeccomp(s *specs.Spec, bad func(string, ...any)) {
	p := s.Linux.Seccomp
	if p == nil {
		bad("there is no profile")
		return
	}
	if p.DefaultAction != specs.ActErrno {
		bad("the default action is %s, not a refusal", p.DefaultAction)
	}
	if len(p.Architectures) != 1 || p.Architectures[0] != nativeArch {
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

// nestingFlag tells jailinit to let the agent make namespaces.
const nestingFlag = "--nesting"

// Nesting reports whether a configuration lets the agent make namespaces.
func Nesting(s *specs.Spec) bool {
	if s.Process == nil {
		return false
	}
	for _, flag := range s.Process.Args {
		if flag == nestingFlag || flag == "--" {
			return flag == nestingFlag
		}
	}
	return false
}

// isForNesting: a jail whose agent may make namespaces needs the call, and the
// conditions keep it from making those that it shall not.
func isForNesting(name string, args []specs.LinuxSeccompArg) bool {
	var without uint64
	switch {
	case slices.Contains(mountCalls, name):
		return true
	case name == "clone":
		without = unix.CLONE_NEWCGROUP
	case name == "unshare":
		without = notNested
	default:
		return false
	}
	return len(args) == 1 && args[0].Index == 0 && args[0].Op == specs.OpMaskedEqual && args[0].Value&without == without && args[0].ValueTwo&without == 0
}

// checkNesting: rename(2) refuses a mount point of the caller's own mount
// namespace alone, so from a namespace without these mounts the agent can move
// what is hidden to where nothing covers it, in every folder that it may write.
func checkNesting(s *specs.Spec, bad func(string, ...any)) {
	if !Nesting(s) {
		return
	}
	if p := s.Linux.Seccomp; p != nil && !slices.ContainsFunc(p.Syscalls, func(r specs.LinuxSyscall) bool {
		return r.Action == specs.ActAllow && slices.Contains(r.Names, "unshare")
	}) {
		bad("process.args has %q, and the seccomp profile is not the one for it", nestingFlag)
	}
	for _, hidden := range s.Linux.MaskedPaths {
		if slices.ContainsFunc(s.Mounts, func(m specs.Mount) bool {
			return m.Type == "bind" && below(hidden, m.Destination) && !slices.Contains(m.Options, "ro")
		}) {
			bad("%s is hidden in a folder that can be written: who makes namespaces can move it to where it is seen", strconv.Quote(hidden))
		}
	}
}

// makesNoNamespace: the condition lets clone(2) make no namespace, or a user
// namespace alone, which jailinit needs and then forbids.
func makesNoNamespace(a specs.LinuxSeccompArg) bool {
	return a.Index == 0 && a.Op == specs.OpMaskedEqual && a.Value&namespaceFlags == namespaceFlags &&
		(a.ValueTwo&namespaceFlags == 0 || a.ValueTwo&namespaceFlags == unix.CLONE_NEWUSER)
}
