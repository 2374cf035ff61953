package spec

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/spec/contract"
)

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// unusual are the goldens whose frame a runtime cannot expect: each is started
// after its configuration is known, which takes longer.
var unusual = []string{
	"identity-root",               // other capabilities
	"net-host", "export-host-net", // another namespace
	"limits", "limit-pids", // a cgroup
	"export", // PID 1 is in the rootfs
}

// TestUsualFrame: the frame that can be expected is that of nearly every jail.
func TestUsualFrame(t *testing.T) {
	for _, g := range goldens {
		in := valid()
		g.with(&in)
		j, err := Build(in)
		if err != nil {
			t.Fatal(err)
		}
		f := contract.UsualFrame(in.Host.UID, in.Host.GID, in.Terminal, in.Init)
		if fits := asJSON(t, f) == asJSON(t, contract.Frame(clone(t, j.Spec))); fits == slices.Contains(unusual, g.name) {
			t.Errorf("%s: it fits: %v\n%s\n%s", g.name, fits, asJSON(t, f), asJSON(t, contract.Frame(j.Spec)))
		}
	}
}

// TestFrame: what can come later is left out, and all else is in it: what
// nobody here knows too.
func TestFrame(t *testing.T) {
	in := valid()
	guarded(&in)
	j, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	frame := asJSON(t, contract.Frame(j.Spec))
	for name, change := range map[string]func(s *specs.Spec){
		"arguments":   func(s *specs.Spec) { s.Process.Args = append(s.Process.Args, "x") },
		"environment": func(s *specs.Spec) { s.Process.Env = []string{"A=b"} },
		"folder":      func(s *specs.Spec) { s.Process.Cwd = "/elsewhere" },
		"rlimits":     func(s *specs.Spec) { s.Process.Rlimits = nil },
		"annotations": func(s *specs.Spec) { s.Annotations = map[string]string{"a": "b"} },
		"a mount": func(s *specs.Spec) {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/procession", Type: "tmpfs"})
		},
		"hidden":  func(s *specs.Spec) { s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, "/srv/secret") },
		"profile": func(s *specs.Spec) { s.Linux.Seccomp = nil },
	} {
		s := clone(t, j.Spec)
		change(s)
		if got := asJSON(t, contract.Frame(s)); got != frame {
			t.Errorf("%s is in the frame: %s", name, got)
		}
	}

	for name, change := range map[string]func(s *specs.Spec){
		"host name":       func(s *specs.Spec) { s.Hostname = "x" },
		"domain name":     func(s *specs.Spec) { s.Domainname = "x" },
		"writable root":   func(s *specs.Spec) { s.Root.Readonly = false },
		"terminal":        func(s *specs.Spec) { s.Process.Terminal = true },
		"user":            func(s *specs.Spec) { s.Process.User.UID = 1 },
		"privileges":      func(s *specs.Spec) { s.Process.NoNewPrivileges = false },
		"capabilities":    func(s *specs.Spec) { s.Process.Capabilities.Bounding = []string{"CAP_KILL"} },
		"oom":             func(s *specs.Spec) { n := 1; s.Process.OOMScoreAdj = &n },
		"namespaces":      func(s *specs.Spec) { s.Linux.Namespaces = s.Linux.Namespaces[1:] },
		"mappings":        func(s *specs.Spec) { s.Linux.UIDMappings[0].HostID = 7 },
		"masked":          func(s *specs.Spec) { s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, "/proc/uptime") },
		"read-only":       func(s *specs.Spec) { s.Linux.ReadonlyPaths = append(s.Linux.ReadonlyPaths, "/proc/tty") },
		"a mount in /dev": func(s *specs.Spec) { s.Mounts = append(s.Mounts, specs.Mount{Destination: "/dev/x", Type: "tmpfs"}) },
		"PID 1": func(s *specs.Spec) {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: contract.InitPath, Type: "bind"})
		},
		"limits": func(s *specs.Spec) { s.Linux.Resources = &specs.LinuxResources{} },
		"cgroup": func(s *specs.Spec) { s.Linux.CgroupsPath = "/x" },
		"sysctl": func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"a": "b"} },
		"hooks":  func(s *specs.Spec) { s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/x"}}} },
	} {
		s := clone(t, j.Spec)
		change(s)
		if got := asJSON(t, contract.Frame(s)); got == frame {
			t.Errorf("%s is not in the frame", name)
		}
	}
}

// TestFrameLeavesTheWhole: the configuration that a frame is taken of stays as
// it is.
func TestFrameLeavesTheWhole(t *testing.T) {
	in := valid()
	guarded(&in)
	j, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	before := asJSON(t, j.Spec)
	contract.Frame(j.Spec)
	if after := asJSON(t, j.Spec); after != before {
		t.Errorf("it was\n%s\nand is\n%s", before, after)
	}
}
