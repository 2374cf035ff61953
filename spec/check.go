package spec

import (
	"fmt"
	"maps"
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
	{"nesting", checkNesting},
	{"network", checkNetwork},
	{"hooks", checkHooks},
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

// namespaces are those that every jail has of its own.
var namespaces = []specs.LinuxNamespaceType{specs.UserNamespace, specs.MountNamespace, specs.PIDNamespace,
	specs.IPCNamespace, specs.UTSNamespace, specs.CgroupNamespace}

func checkNamespaces(s *specs.Spec, bad func(string, ...any)) {
	have := map[specs.LinuxNamespaceType]bool{}
	for _, n := range s.Linux.Namespaces {
		if n.Path != "" {
			bad("the %s namespace is somebody else's: %q", n.Type, n.Path)
		}
		if n.Type != specs.NetworkNamespace && !slices.Contains(namespaces, n.Type) || have[n.Type] {
			bad("one %s namespace too many", n.Type)
		}
		have[n.Type] = true
	}
	for _, t := range namespaces {
		if !have[t] {
			bad("there is no %s namespace", t)
		}
	}
}

func checkMappings(s *specs.Spec, bad func(string, ...any)) {
	for _, ids := range []struct {
		what string
		m    []specs.LinuxIDMapping
	}{{"uid", s.Linux.UIDMappings}, {"gid", s.Linux.GIDMappings}} {
		if len(ids.m) != 1 || ids.m[0].ContainerID != 0 || ids.m[0].Size != 1 {
			bad("the %s mapping is not the caller's own id alone", ids.what)
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
	for _, set := range []struct {
		name string
		caps []string
	}{{"bounding", p.Capabilities.Bounding}, {"effective", p.Capabilities.Effective}, {"permitted", p.Capabilities.Permitted}} {
		for _, c := range set.caps {
			if c != "CAP_SETFCAP" {
				bad("the %s set holds %s", set.name, c)
			}
		}
	}
	if len(p.Capabilities.Inheritable)+len(p.Capabilities.Ambient) > 0 {
		bad("inheritable or ambient capabilities would reach the agent")
	}
}

// reserved are places that the runtime itself fills; a mount there could hide
// what is masked.
var reserved = []string{"/proc", "/dev", path.Dir(InitPath)}

// forbidden are host folders that are never a mount source, nor is what holds
// them. Of /proc, /sys and /dev nothing is.
var forbidden = []string{"/proc", "/sys", "/dev", "/boot", "/root/.ssh", "/nix/var/nix/db"}

// sealed are places where nothing can be written: programs and configuration
// that every program inside believes. Projects can lie in the exceptions.
var (
	sealed   = []string{"/etc", closure.StoreDir, "/usr"}
	unsealed = []string{"/usr/src", "/usr/local/src", "/usr/home"}
)

// mountOptions are all that a mount of a type may have, nil if there is no such
// type; "=" at the end stands for any value. An unknown option is refused:
// runtimes give meanings of their own to many, and "bind" makes a bind mount of
// any type.
func mountOptions(kind string) []string {
	switch kind {
	case "bind":
		return bindOptions
	case "tmpfs":
		return tmpfsOptions
	case "proc":
		return procOptions
	case "devpts":
		return devptsOptions
	}
	return nil
}

var (
	bindOptions   = []string{"bind", "rbind", "ro", "rw", "rro", "nosuid", "nodev", "noexec"}
	tmpfsOptions  = []string{"ro", "nosuid", "nodev", "noexec", "strictatime", "mode=", "size=", "nr_inodes="}
	procOptions   = []string{"ro", "nosuid", "nodev", "noexec"}
	devptsOptions = []string{"nosuid", "noexec", "newinstance", "mode=", "ptmxmode="}
)

func checkMounts(s *specs.Spec, bad func(string, ...any)) {
	for i, m := range s.Mounts {
		if i > 0 && sameStoreMount(m, s.Mounts[i-1]) {
			continue
		}
		if !path.IsAbs(m.Destination) || path.Clean(m.Destination) != m.Destination || m.Destination == "/" {
			bad("destination %q is not an absolute, clean path below the root", m.Destination)
		}
		if !printable(m.Destination) || !printable(m.Source) {
			bad("%q is not valid UTF-8, or holds NUL", m.Destination)
		}
		known := mountOptions(m.Type)
		if known == nil {
			bad("%q is of type %q", m.Destination, m.Type)
			continue
		}
		for _, o := range m.Options {
			name, _, value := strings.Cut(o, "=")
			if value {
				name += "="
			}
			if !slices.Contains(known, name) {
				bad("%q has the option %s", m.Destination, o)
			}
		}
		switch m.Type {
		case "bind":
			checkBind(m, bad)
		case "tmpfs":
			checkTmpfs(m, bad)
		case "proc":
			if m.Destination != "/proc" {
				bad("proc is mounted on %q", m.Destination)
			}
		case "devpts":
			if m.Destination != "/dev/pts" || !slices.Contains(m.Options, "newinstance") {
				bad("devpts is not the jail's own")
			}
		}
	}
}

// sameStoreMount: both mount a store path on itself and differ in nothing but its
// name, so that what was said of one holds for the other. A store has hundreds.
func sameStoreMount(m, before specs.Mount) bool {
	isStorePath := func(m specs.Mount) bool {
		return strings.HasPrefix(m.Source, closure.StoreDir+"/") && m.Destination == m.Source && closure.CheckPath(m.Source) == nil
	}
	return isStorePath(m) && isStorePath(before) && m.Type == before.Type && slices.Equal(m.Options, before.Options)
}

func checkTmpfs(m specs.Mount, bad func(string, ...any)) {
	if m.Destination != "/dev" && m.Destination != "/dev/shm" {
		for _, r := range reserved {
			if below(m.Destination, r) {
				bad("a tmpfs would be mounted on %q", m.Destination)
			}
		}
	}
	if !slices.Contains(m.Options, "nosuid") || (m.Destination != "/dev" && !slices.Contains(m.Options, "nodev")) {
		bad("the tmpfs %q is not nosuid and nodev", m.Destination)
	}
	// Size 0 stands for no limit.
	if !slices.ContainsFunc(m.Options, func(o string) bool { return strings.HasPrefix(o, "size=") }) || slices.Contains(m.Options, "size=0") {
		bad("the tmpfs %q has no size", m.Destination)
	}
	if !slices.ContainsFunc(m.Options, func(o string) bool { return strings.HasPrefix(o, "nr_inodes=") }) || slices.Contains(m.Options, "nr_inodes=0") {
		bad("the tmpfs %q takes any number of files", m.Destination)
	}
	if isSealed(m.Destination) && !slices.Contains(m.Options, "ro") {
		bad("%q is writable", m.Destination)
	}
}

func checkBind(m specs.Mount, bad func(string, ...any)) {
	if !path.IsAbs(m.Source) || path.Clean(m.Source) != m.Source {
		bad("source %q is not an absolute, clean path", m.Source)
	}
	kernel := below(m.Source, "/proc") || below(m.Source, "/sys") || below(m.Source, "/dev")
	if kernel || slices.ContainsFunc(forbidden, func(f string) bool { return below(f, m.Source) }) {
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
	ro, rbind := slices.Contains(m.Options, "ro"), slices.Contains(m.Options, "rbind")
	if ro == slices.Contains(m.Options, "rw") || rbind == slices.Contains(m.Options, "bind") {
		bad("%q is not either ro or rw and either bind or rbind", m.Destination)
	}
	if !ro && (isSealed(m.Destination) || m.Destination == InitPath) {
		bad("%q is writable", m.Destination)
	}
	if ro && rbind && !slices.Contains(m.Options, "rro") {
		bad("what is mounted below %q stays writable (rro is missing)", m.Destination)
	}
}

// isSealed: the path is, holds or lies in a place where nothing can be written.
func isSealed(p string) bool {
	for _, u := range unsealed {
		if p != u && below(p, u) {
			return false
		}
	}
	return slices.ContainsFunc(sealed, func(s string) bool { return below(p, s) || below(s, p) })
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
	end := slices.Index(p.Args, "--")
	if end < 0 || end == len(p.Args)-1 {
		bad("process.args names no program after --")
	}
	for i, flag := range p.Args {
		if i > 0 && i < end && !strings.HasPrefix(flag, "--uid=") && !strings.HasPrefix(flag, "--gid=") && flag != nestingFlag {
			bad("process.args has %q, which would widen the jail, for PID 1", flag)
		}
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

// checkSideDoors refuses what would grant something that no check above looks
// at.
func checkSideDoors(s *specs.Spec, bad func(string, ...any)) {
	for _, f := range unknownFields(s) {
		bad("%s is set: no jail has it", f)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Annotations)) {
		// crun replaces the seccomp profile for one, runc speaks to systemd
		// for another.
		if !strings.HasPrefix(name, annotations) {
			bad("the annotation %q may speak to a runtime", name)
		}
	}
	if v, ok := s.Annotations[TerminalAnnotation]; ok && v != TerminalClipboardWrite {
		bad("the annotation %q is %q, not %s", TerminalAnnotation, v, TerminalClipboardWrite)
	}
}

// printable: the text survives JSON and the C interfaces of a runtime.
func printable(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }
