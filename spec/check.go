package spec

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/spec/closure"
)

// Violation is one promise that a configuration does not keep.
type Violation struct {
	// Check is the name of the check.
	Check string
	// Detail says what is wrong, with the value.
	Detail string
}

func (v Violation) String() string { return v.Check + ": " + v.Detail }

// CheckError is returned where a configuration breaks promises. It lists all
// of them together.
type CheckError struct{ Violations []Violation }

func (e *CheckError) Error() string {
	lines := make([]string, 0, len(e.Violations))
	for _, v := range e.Violations {
		lines = append(lines, v.String())
	}
	return "the configuration breaks the promises of a jail: " + strings.Join(lines, "; ")
}

// check reports what is wrong in one respect.
type check struct {
	name string
	do   func(s *specs.Spec, bad func(format string, args ...any))
}

var checks = []check{
	{"version", checkVersion},
	{"root", checkRoot},
	{"namespaces", checkNamespaces},
	{"id mappings", checkMappings},
	{"privilege", checkPrivilege},
	{"seccomp", checkSeccomp},
	{"mounts", checkMounts},
	{"proc", checkProc},
	{"process", checkProcess},
	{"side doors", checkSideDoors},
}

// Check holds the promises of the design against any configuration and reports
// every violation. It looks at the configuration alone: that a mounted path
// exists, or that what is read-only covers what matters in a project, only
// Build and its facts can know.
func Check(s *specs.Spec) []Violation {
	var all []Violation
	if s.Process == nil || s.Root == nil || s.Linux == nil || s.Process.Capabilities == nil {
		return []Violation{{"completeness", "process, process.capabilities, root and linux are needed"}}
	}
	for _, c := range checks {
		c.do(s, func(format string, args ...any) {
			all = append(all, Violation{c.name, fmt.Sprintf(format, args...)})
		})
	}
	return all
}

func checkVersion(s *specs.Spec, bad func(string, ...any)) {
	if s.Version != ociVersion {
		bad("ociVersion is %q, not %q", s.Version, ociVersion)
	}
}

func checkRoot(s *specs.Spec, bad func(string, ...any)) {
	if !s.Root.Readonly {
		bad("the root file system is writable")
	}
	if s.Root.Path != "rootfs" {
		bad("root.path is %q: only the bundle's own rootfs is a root", s.Root.Path)
	}
}

func checkNamespaces(s *specs.Spec, bad func(string, ...any)) {
	have := map[specs.LinuxNamespaceType]bool{}
	for _, n := range s.Linux.Namespaces {
		if n.Path != "" {
			bad("the %s namespace is somebody else's: %q", n.Type, n.Path)
		}
		have[n.Type] = true
	}
	for _, t := range []specs.LinuxNamespaceType{specs.UserNamespace, specs.MountNamespace, specs.PIDNamespace,
		specs.IPCNamespace, specs.UTSNamespace, specs.CgroupNamespace} {
		if !have[t] {
			bad("there is no %s namespace", t)
		}
	}
}

func checkMappings(s *specs.Spec, bad func(string, ...any)) {
	for what, m := range map[string][]specs.LinuxIDMapping{"uid": s.Linux.UIDMappings, "gid": s.Linux.GIDMappings} {
		if len(m) != 1 || m[0].ContainerID != 0 || m[0].Size != 1 {
			bad("the %s mapping is not the caller's own id alone", what)
		}
	}
}

func checkPrivilege(s *specs.Spec, bad func(string, ...any)) {
	p := s.Process
	if !p.NoNewPrivileges {
		bad("noNewPrivileges is off")
	}
	if p.User.UID != 0 || p.User.GID != 0 || len(p.User.AdditionalGids) > 0 {
		bad("process.user is not 0:0 (jailinit gives the agent its ids)")
	}
	for set, caps := range map[string][]string{"bounding": p.Capabilities.Bounding, "effective": p.Capabilities.Effective,
		"permitted": p.Capabilities.Permitted} {
		for _, c := range caps {
			if c != "CAP_SETFCAP" {
				bad("the %s set holds %s", set, c)
			}
		}
	}
	if len(p.Capabilities.Inheritable)+len(p.Capabilities.Ambient) > 0 {
		bad("inheritable or ambient capabilities would reach the agent")
	}
}

// dangerous are system calls that no rule may allow, whatever the arguments.
var dangerous = []string{
	"add_key", "bpf", "delete_module", "finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "init_module",
	"kexec_file_load", "kexec_load", "keyctl", "mount", "mount_setattr", "move_mount", "open_by_handle_at",
	"open_tree", "perf_event_open", "pivot_root", "quotactl", "reboot", "request_key", "setns", "swapon",
	"umount2", "unshare", "userfaultfd",
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
	if p.ListenerPath != "" {
		bad("a listener decides about system calls: %q", p.ListenerPath)
	}
	for _, r := range p.Syscalls {
		if r.Action == specs.ActErrno || r.Action == specs.ActKillProcess {
			continue
		}
		if r.Action != specs.ActAllow {
			bad("a rule has the action %s", r.Action)
		}
		for _, n := range r.Names {
			if slices.Contains(dangerous, n) {
				bad("%s is allowed", n)
			}
		}
	}
}

// reserved are places that the runtime itself fills; a bind there could hide
// what is masked.
var reserved = []string{"/proc", "/dev", "/.jail"}

// forbidden are host folders that are never a mount source.
var forbidden = []string{"/", "/proc", "/sys", "/dev", "/boot", "/root/.ssh", "/nix/var/nix/db"}

func checkMounts(s *specs.Spec, bad func(string, ...any)) {
	for _, m := range s.Mounts {
		if !path.IsAbs(m.Destination) || path.Clean(m.Destination) != m.Destination || m.Destination == "/" {
			bad("destination %q is not an absolute, clean path below the root", m.Destination)
		}
		if !printable(m.Destination) || !printable(m.Source) {
			bad("%q is not valid UTF-8, or holds NUL", m.Destination)
		}
		switch m.Type {
		case "bind":
			checkBind(m, bad)
		case "tmpfs":
			if !slices.Contains(m.Options, "nosuid") || (m.Destination != "/dev" && !slices.Contains(m.Options, "nodev")) {
				bad("the tmpfs %q is not nosuid and nodev", m.Destination)
			}
			if !slices.ContainsFunc(m.Options, func(o string) bool { return strings.HasPrefix(o, "size=") }) {
				bad("the tmpfs %q has no size", m.Destination)
			}
		case "proc":
			if m.Destination != "/proc" {
				bad("proc is mounted on %q", m.Destination)
			}
		case "devpts":
			if m.Destination != "/dev/pts" || !slices.Contains(m.Options, "newinstance") {
				bad("devpts is not the jail's own")
			}
		default:
			bad("%q is of type %q", m.Destination, m.Type)
		}
		for _, o := range m.Options {
			if slices.Contains([]string{"shared", "rshared", "slave", "rslave", "suid", "dev", "rsuid", "rdev"}, o) {
				bad("%q has the option %s", m.Destination, o)
			}
		}
	}
}

func checkBind(m specs.Mount, bad func(string, ...any)) {
	if !path.IsAbs(m.Source) || path.Clean(m.Source) != m.Source {
		bad("source %q is not an absolute, clean path", m.Source)
	}
	if slices.Contains(forbidden, m.Source) || below(m.Source, "/proc") || below(m.Source, "/sys") || below(m.Source, "/dev") {
		bad("%q must never be in a jail", m.Source)
	}
	for _, r := range reserved {
		if below(m.Destination, r) && m.Destination != InitPath {
			bad("%q would be mounted on %q", m.Source, m.Destination)
		}
	}
	for _, o := range []string{"nosuid", "nodev"} {
		if !slices.Contains(m.Options, o) {
			bad("%q is not %s", m.Destination, o)
		}
	}
	ro := slices.Contains(m.Options, "ro")
	if !ro && (below(m.Destination, closure.StoreDir) || below(m.Destination, "/etc") || below(m.Destination, "/usr") || m.Destination == InitPath) {
		bad("%q is writable", m.Destination)
	}
	if ro && slices.Contains(m.Options, "rbind") && !slices.Contains(m.Options, "rro") {
		bad("what is mounted below %q stays writable (rro is missing)", m.Destination)
	}
}

func checkProc(s *specs.Spec, bad func(string, ...any)) {
	for _, p := range maskedPaths {
		if !slices.Contains(s.Linux.MaskedPaths, p) {
			bad("%s is not masked", p)
		}
	}
	for _, p := range readonlyPaths {
		if !slices.Contains(s.Linux.ReadonlyPaths, p) {
			bad("%s is not read-only", p)
		}
	}
}

func checkProcess(s *specs.Spec, bad func(string, ...any)) {
	p := s.Process
	if len(p.Args) == 0 || p.Args[0] != InitPath {
		bad("process.args does not begin with %s", InitPath)
	}
	if i := slices.Index(p.Args, "--"); i < 0 || i == len(p.Args)-1 {
		bad("process.args names no program after --")
	}
	if !path.IsAbs(p.Cwd) {
		bad("process.cwd %q is not absolute", p.Cwd)
	}
	for _, a := range p.Args {
		if !printable(a) {
			bad("an argument is not valid UTF-8, or holds NUL")
		}
	}
	for _, e := range p.Env {
		name, _, ok := strings.Cut(e, "=")
		if !ok || name == "" || !printable(e) {
			// The value may be a secret: name the variable alone.
			bad("the variable %q is malformed", name)
		}
		if strings.HasPrefix(name, "_LIBCONTAINER") || strings.HasPrefix(name, "_JAIL") {
			bad("the variable %q would speak to the runtime", name)
		}
	}
	if !slices.ContainsFunc(p.Rlimits, func(r specs.POSIXRlimit) bool { return r.Type == "RLIMIT_CORE" && r.Hard == 0 }) {
		bad("core files are not off")
	}
}

// checkSideDoors refuses what would grant something that no field above shows.
func checkSideDoors(s *specs.Spec, bad func(string, ...any)) {
	if s.Hooks != nil {
		bad("hooks run programs outside of the jail")
	}
	if len(s.Linux.Devices) > 0 {
		bad("devices beyond the default ones")
	}
	if len(s.Linux.Sysctl) > 0 {
		bad("sysctls")
	}
	if s.Linux.RootfsPropagation != "" {
		bad("rootfsPropagation is %q", s.Linux.RootfsPropagation)
	}
	if s.Linux.CgroupsPath != "" {
		bad("a cgroup path is named: %q", s.Linux.CgroupsPath)
	}
	if r := s.Linux.Resources; r != nil && len(r.Devices) > 0 {
		bad("device cgroup rules")
	}
}

// printable: the text survives JSON and the C interfaces of a runtime.
func printable(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }
