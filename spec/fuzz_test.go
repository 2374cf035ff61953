package spec

import (
	"errors"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// FuzzBuild: whatever the strings are, Build makes a jail that keeps its
// promises and mounts nothing but what its input names, or it refuses.
//
// switches turns parts on and off, one bit each.
func FuzzBuild(f *testing.F) {
	const p = "/home/ada/src/app"
	f.Add(p, "/srv/data", "~/.cache/go-build", p+"/web", p+"/web/.envrc", "ada", "Ada", "CI", "1", uint16(0))
	f.Add(p, p+"/web", p, p+"/.git", p+"/.git/hooks", "a:b\n", "\"\\", "LC_X", "\xff", uint16(0xffff))
	f.Add("/srv/x\ny", "/", "..", "/srv", "/srv/x\ny/z", "", "", "=", "\x00", uint16(0x5555))
	f.Add("/", "~/..", "/home/ada/.config", "/proc", "/proc/self", "root", "\r", "_JAIL", "", uint16(0xaaaa))
	f.Add("/home", p, p, p, p, "u", "g", "A", "b", uint16(0))
	f.Add("", "", "", "", "", "", "", "", "", uint16(1))
	f.Add(p, "/nix/store", "/etc", "/dev", "/usr", "u", "g", "PATH", ":", uint16(0x0ff0))
	f.Fuzz(func(t *testing.T, project, read, write, pin, protect, user, git, name, value string, switches uint16) {
		on := func(bit int) bool { return switches&(1<<bit) != 0 }
		in := valid()
		h := &in.Host
		h.Project = host.Project{
			Dir: project, Pin: []string{pin},
			Protect: []host.Path{{Path: protect, Why: read}}, Hide: []host.Path{{Path: pin + "/hidden", Why: write}},
		}
		h.User, h.Group, h.GitName, h.GitEmail = user, user, git, git
		in.Env.Vars[name] = value
		in.Policy.Files.Read, in.Policy.Files.Write = []string{read}, []string{write}
		in.Policy.Env.Pass = []string{name}
		in.Args = []string{value}
		h.Present = map[string]host.Kind{}
		granted := []string{project}
		for i, g := range []string{read, write} {
			if rest, ok := strings.CutPrefix(g, "~/"); ok {
				g = path.Join(h.Home, rest)
			}
			g = path.Clean(g)
			k := host.Kind{Dir: true, Real: g}
			if on(i) {
				k.Real = protect
			}
			h.Present[g] = k
			granted = append(granted, g)
		}
		if on(2) {
			in.Policy.Files.Project = policy.ProjectRO
		}
		if on(3) {
			in.Policy.Network.Mode = policy.NetNone
		}
		if on(4) {
			in.Policy.Agent.Config = policy.ConfigShared
			h.ClaudeShared = host.ClaudeFiles{Dir: pin, Executable: []host.Path{{Path: protect}}, Links: []host.Link{{Path: pin, Target: write}}}
			granted = append(granted, pin)
			if paths.Below(write, closure.StoreDir) {
				granted = append(granted, write)
			}
		}
		if on(5) {
			in.Policy.Identity.User = policy.UserRoot
		}
		if on(6) {
			in.Policy.Nix.Store = policy.StoreFull
		}
		if on(7) {
			in.Closure.Toolchain, in.Closure.Binds = closure.Host, []string{"/usr"}
		}
		if on(8) {
			in.Policy.Env.Set = map[string]string{name: value}
		}
		if on(9) {
			h.Home = pin
		}
		if on(10) {
			in.Command = []string{value, name}
		}

		j, err := Build(in)
		if err != nil {
			if c := (*contract.CheckError)(nil); errors.As(err, &c) && len(c.Violations) == 0 {
				t.Error("a refusal without a reason")
			}
			return
		}
		if v := contract.Check(clone(t, j.Spec)); len(v) > 0 {
			t.Errorf("violations: %v", v)
		}
		fixed := slices.Concat(in.Closure.Paths, in.Closure.Binds, []string{in.Init, h.CAFile, h.ResolvConf, h.Localtime, PrivateConfig(*h)})
		if on(6) {
			fixed = append(fixed, closure.StoreDir)
		}
		for _, m := range j.Spec.Mounts {
			if m.Type != "bind" || slices.Contains(fixed, m.Source) || paths.Below(m.Source, Caches(*h)) && m.Destination == h.Home+strings.TrimPrefix(m.Source, Caches(*h)) {
				continue
			}
			if m.Source != m.Destination {
				t.Errorf("%q is mounted on %q", m.Source, m.Destination)
			}
			ro := slices.Contains(m.Options, "ro")
			switch {
			case slices.Contains(granted, m.Source):
			case m.Source == protect && ro: // read-only, and host has verified where it is
			case m.Source == pin && slices.ContainsFunc(granted, func(g string) bool { return paths.Below(pin, g) }):
			case on(4) && paths.Below(protect, m.Source) && paths.Below(m.Source, pin): // on the way to a trusted file
			default:
				t.Errorf("nobody granted %q (%v)", m.Source, m.Options)
			}
			if !ro && paths.Below(h.Home, m.Source) {
				t.Errorf("the home %q is writable by %q", h.Home, m.Source)
			}
		}
	})
}
