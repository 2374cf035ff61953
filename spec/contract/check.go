package contract

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/spec/network"
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

// report notes a violation.
type report = func(format string, args ...any)

// check reports what is wrong in one respect.
type check struct {
	name string
	do   func(j *Jail, bad report)
}

var checks = []check{
	{"version", of(checkVersion)},
	{"root", of(checkRoot)},
	{"namespaces", of(checkNamespaces)},
	{"id mappings", of(checkMappings)},
	{"privilege", of(checkPrivilege)},
	{"seccomp", of(checkSeccomp)},
	{"mounts", of(checkMounts)},
	{"proc", of(checkProc)},
	{"process", of(checkProcess)},
	{"nesting", of(checkNesting)},
	{"network", checkNetwork},
	{"hooks", of(checkHooks)},
	{"side doors", of(checkSideDoors)},
}

// of is a check of the configuration alone.
func of(do func(s *specs.Spec, bad report)) func(*Jail, report) {
	return func(j *Jail, bad report) { do(j.Spec, bad) }
}

// Check holds the promises of the design against any configuration and reports
// every violation. It looks at the configuration alone: that a mounted path
// exists, or that what is read-only covers what matters in a project, only
// Build and its facts can know.
func Check(s *specs.Spec) []Violation { return (&Jail{Spec: s}).Check() }

// Open is Check for a configuration that somebody else wrote, and returns its
// network; nil where it has none. The error is a *CheckError.
func Open(s *specs.Spec) (*network.Network, error) {
	j := &Jail{Spec: s}
	if v := j.Check(); len(v) > 0 {
		return nil, &CheckError{Violations: v}
	}
	return j.Network, nil
}

// Check is Check of the configuration. A network that is there has to be the one
// that the configuration says; one that is not is parsed, and is there then.
func (j *Jail) Check() []Violation {
	var all []Violation
	s := j.Spec
	if s.Process == nil || s.Root == nil || s.Linux == nil || s.Process.Capabilities == nil {
		return []Violation{{"completeness", "process, process.capabilities, root and linux are needed"}}
	}
	for _, c := range checks {
		c.do(j, func(format string, args ...any) {
			all = append(all, Violation{c.name, fmt.Sprintf(format, args...)})
		})
	}
	return all
}

func checkVersion(s *specs.Spec, bad report) {
	if s.Version != OCIVersion {
		bad("ociVersion is %q, not %q", s.Version, OCIVersion)
	}
}

func checkRoot(s *specs.Spec, bad report) {
	if !s.Root.Readonly {
		bad("the root file system is writable")
	}
	if s.Root.Path != "rootfs" {
		bad("root.path is %q: only the bundle's own rootfs is a root", s.Root.Path)
	}
}

func checkNamespaces(s *specs.Spec, bad report) {
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

func checkMappings(s *specs.Spec, bad report) {
	for _, ids := range []struct {
		what string
		m    []specs.LinuxIDMapping
	}{{"uid", s.Linux.UIDMappings}, {"gid", s.Linux.GIDMappings}} {
		if len(ids.m) != 1 || ids.m[0].ContainerID != 0 || ids.m[0].Size != 1 {
			bad("the %s mapping is not the caller's own id alone", ids.what)
		}
	}
}

func checkPrivilege(s *specs.Spec, bad report) {
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

func checkProc(s *specs.Spec, bad report) {
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

func checkProcess(s *specs.Spec, bad report) {
	p := s.Process
	if len(p.Args) == 0 || p.Args[0] != InitPath {
		bad("process.args does not begin with %s", InitPath)
	}
	end := slices.Index(p.Args, "--")
	if end < 0 || end == len(p.Args)-1 {
		bad("process.args names no program after --")
	}
	known := []string{NestingFlag, FilterFlag}
	if s.Annotations[TerminalAnnotation] == TerminalClipboardWrite {
		known = append(known, FilterClipboardFlag)
	}
	for i, flag := range p.Args {
		if i > 0 && i < end && !strings.HasPrefix(flag, "--uid=") && !strings.HasPrefix(flag, "--gid=") && !slices.Contains(known, flag) {
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
func checkSideDoors(s *specs.Spec, bad report) {
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
