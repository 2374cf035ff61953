package spec

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/lent"
	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/policy/define"
)

const linkMode = fs.ModeSymlink | 0o777

// bind mounts a host path with everything below it. Mode is "ro" or "rw".
//
// The type is "bind" and the option explicit: older crun wants both. A
// read-only mount is "rro" (since kernel 5.12) as well, for with "ro" alone a
// runtime leaves what is mounted below it writable.
func (b *builder) bind(source, dest, mode string) {
	o := []string{"rbind", mode, "nosuid", "nodev"}
	if mode == "ro" {
		o = append(o, "rro")
	}
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: dest, Type: "bind", Source: source, Options: o})
}

// bindKind is bind for a path that may be a file. A file has nothing below it,
// and crun 1.8 fails where it shall make that read-only.
func (b *builder) bindKind(source, dest, mode string, file bool) {
	if file && mode == "ro" {
		b.bindOne(source, dest)
	} else {
		b.bind(source, dest, mode)
	}
}

// bindOne mounts a path that has no mounts below it, read-only: a store path,
// or a file.
func (b *builder) bindOne(source, dest string) {
	b.spec.Mounts = append(b.spec.Mounts, contract.BindOne(source, dest))
}

func (b *builder) tmpfs(dest string, options ...string) {
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{
		Destination: dest, Type: "tmpfs", Source: "tmpfs",
		Options: append([]string{"nosuid", "nodev"}, options...),
	})
}

func (b *builder) temporary() error {
	b.tmpfs("/tmp", "mode=1777", "size=4g", "nr_inodes=1m")
	// No link to /tmp: a project or home below /var/tmp is mounted there.
	b.tmpfs("/var/tmp", "mode=1777", "size=4g", "nr_inodes=1m")
	b.tmpfs(b.Host.RuntimeDir, "noexec", "mode=0700", "size=64m", "nr_inodes=16k")
	if b.net != nil && b.net.Bridges != nil && b.net.Bridges.Display != "" {
		b.bindOne(b.Env.Display, lent.SocketAt(b.net.Bridges.Display, b.Host.RuntimeDir))
	}
	return nil
}

// noHome are places that a home, which is an empty folder in a jail, would
// cover.
var noHome = []string{"/proc", "/sys", "/dev", "/etc", "/nix", "/bin", "/sbin", "/lib", "/lib64", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/share", path.Dir(contract.InitPath)}

// home is an empty folder at the caller's own home path, and Claude's
// configuration in it.
func (b *builder) home() error {
	h := b.Host
	if !path.IsAbs(h.Home) || path.Clean(h.Home) != h.Home || slices.ContainsFunc(noHome, func(p string) bool { return paths.Below(p, h.Home) || paths.Below(h.Home, p) }) {
		// Accounts of services have homes such as /dev and /usr/sbin.
		return fmt.Errorf("the home folder %q cannot be one in a jail: set HOME to a folder of your own", h.Home)
	}
	b.tmpfs(h.Home, "mode=0700", "size=4g", "nr_inodes=1m")
	b.caches()
	if err := define.Reach(b.Policy.Agent.Define, b.agent.Name, h.Home, h.Project.Dir); err != nil {
		return err
	}
	if b.Policy.Agent.Config == policy.ConfigShared {
		return b.sharedConfig()
	}
	if b.agent.Name != agent.Default().Name {
		b.agentFolders()
		return nil
	}
	dir := b.configDir()
	b.bind(PrivateConfig(h), dir, "rw")
	// With it .claude.json lies inside, where a rename over it works.
	b.env[b.agent.Config().Variable] = dir
	b.grant("file", dir, "rw", b.origin("agent.config"), "Claude's configuration for the jails of this project alone: "+PrivateConfig(h))
	if b.net != nil && b.net.Bridges != nil && b.net.Bridges.IDE != "" {
		b.bind(lent.EditorDir(h.ProjectState), path.Join(dir, "ide"), "ro") // over what the state may have there
	}
	for _, p := range h.Brought {
		if p.Real != "" {
			b.bindKind(p.Real, path.Join(dir, p.Name), "ro", !p.Dir)
		}
		b.grant("agent", p.Name, "ro", b.origin("agent.bring="+p.Name), "your own: "+p.Does)
	}
	return nil
}

// configDir is where the agent's configuration is by default.
func (b *builder) configDir() string { return path.Join(b.Host.Home, b.agent.Config().Path) }

// PrivateConfig is the host folder that is ~/.claude in a jail with
// config = "private". It has to exist before the jail starts.
func PrivateConfig(h host.Facts) string { return path.Join(h.ProjectState, "claude") }

// KeptLogin is the folder of the login that was made in a jail of this project,
// and is in none.
func KeptLogin(h host.Facts, a agent.Agent) string { return path.Join(h.ProjectState, "login", a.Name) }

// inStore: the jail has that path of the store anyway.
func (b *builder) inStore(p string) bool {
	return b.fullStore() || slices.ContainsFunc(b.Closure.Paths, func(c string) bool { return paths.Below(p, c) })
}

// mounted is one host path that is in the jail under its own name.
type mounted struct {
	path, mode, from, why string
	file                  bool
}

// files mounts the grants and the project, parents before what they hold.
func (b *builder) files() error {
	var ms []mounted
	add := func(list []string, key, mode string) error {
		for _, g := range list {
			p, err := b.granted(g, mode)
			if err != nil {
				return fmt.Errorf("%s %q (%s): %w", key, g, b.origin(key+"="+g), err)
			}
			ms = append(ms, mounted{p, mode, b.origin(key + "=" + g), "granted by policy", !b.Host.Present[p].Dir})
		}
		return nil
	}
	err := errors.Join(add(b.Policy.Files.Read, "files.read", "ro"), add(b.Policy.Files.Write, "files.write", "rw"))
	if err != nil {
		return err
	}
	if b.shared() {
		ms = append(ms, mounted{b.Host.ClaudeShared.Dir, "rw", b.origin("agent.config"), "Claude's configuration, the host's own", false})
	}
	for _, p := range b.Closure.Binds {
		if paths.Below(p, b.Host.Home) {
			ms = append(ms, mounted{p, "ro", builtin, toolchainWhy, slices.Contains(b.Closure.Files, p)})
		}
	}
	toolchains, err := b.toolchains()
	if err != nil {
		return err
	}
	ms = append(ms, toolchains...)
	mode := b.Policy.Files.Project
	for i, pr := range b.Host.Projects() {
		// The host has refused such projects; this is for callers that have none.
		for _, p := range append([]string{pr.Dir}, pr.Git...) {
			if err := b.exposes(p); err != nil {
				return fmt.Errorf("project: %w", err)
			}
		}
		ms = append(ms, mounted{pr.Dir, mode, b.origin("files.project"), []string{"the project", "a further project"}[min(i, 1)], false})
		for _, g := range pr.Git {
			ms = append(ms, mounted{g, mode, builtin, "the project's git directory, which lies elsewhere", false})
		}
	}
	if b.overlay() {
		for _, p := range b.Host.Packs {
			ms = append(ms, mounted{p, "ro", builtin, "a large pack of git, which would be copied", true})
		}
	}
	slices.SortStableFunc(ms, func(x, y mounted) int { return paths.Compare(x.path, y.path) })
	// Of the same path the last counts: writing includes reading, and what
	// files.project says of the project is more than what a grant says.
	for i := len(ms) - 1; i > 0; i-- {
		if ms[i].path == ms[i-1].path {
			ms = slices.Delete(ms, i-1, i)
		}
	}
	for _, m := range b.withPins(ms) {
		if m.mode == policy.ProjectOverlay {
			b.layer(m)
			continue
		}
		b.bindKind(m.path, m.path, m.mode, m.file)
		if m.why != "" {
			b.grant("file", m.path, m.mode, m.from, m.why)
		}
	}
	return nil
}

// withPins adds the folders on the way to a protected or hidden path, each
// mounted on itself so that it cannot be renamed. A pin is no grant: it takes
// its place between the mount that holds it and those that it holds, and only
// what can be written needs it.
func (b *builder) withPins(ms []mounted) []mounted {
	all := slices.Clone(ms)
	for _, p := range b.pins() {
		holds := func(m mounted) bool { return paths.Below(p, m.path) }
		i := len(ms) - 1
		for i >= 0 && !holds(ms[i]) {
			i--
		}
		if i >= 0 && ms[i].path != p && ms[i].mode == policy.ProjectRW {
			all = append(all, mounted{path: p, mode: "rw"})
		}
	}
	slices.SortStableFunc(all, func(x, y mounted) int { return paths.Compare(x.path, y.path) })
	return all
}

// pins are the folders to be pinned, no doubles.
func (b *builder) pins() []string {
	var pins []string
	for _, pr := range b.surveyed() {
		pins = append(pins, pr.Pin...)
	}
	if b.shared() {
		c := b.Host.ClaudeShared
		for _, e := range c.Executable {
			for d := path.Dir(e.Path); d != c.Dir && paths.Below(d, c.Dir); d = path.Dir(d) {
				pins = append(pins, d)
			}
		}
	}
	slices.Sort(pins)
	return slices.Compact(pins)
}

// granted resolves a path of the policy and refuses what must not be granted.
func (b *builder) granted(g, mode string) (string, error) {
	p := g
	if rest, ok := strings.CutPrefix(g, "~/"); ok {
		p = path.Join(b.Host.Home, rest)
	}
	p = path.Clean(p)
	k, ok := b.Host.Present[p]
	refused := define.Refused(b.Policy.Agent.Define, p, b.Host.Home)
	switch {
	case b.exposes(p) != nil:
		return "", b.exposes(p)
	case mode == "rw" && refused != "":
		return "", errors.New(refused)
	case !ok:
		return "", fmt.Errorf("%s does not exist: make it, or take the grant away", p)
	case k.Real != p:
		// The agent may be able to move a link; what it names has to be granted.
		return "", fmt.Errorf("%s leads through a symlink to %s: grant that path", p, k.Real)
	case mode == "rw" && b.protected(p) != "":
		return "", fmt.Errorf("%s is protected, since the host executes or trusts it (%s), and a grant does not lift that: --unprotect %s, or files.unprotect in your own policy", p, b.protected(p), p)
	case mode == "rw" && !b.shared() && b.ofClaude(p):
		return "", fmt.Errorf(`%s belongs to the host's own Claude, which would run what is written there: write agent.config = "shared"`, p)
	}
	return p, nil
}

// protected is why a path of the project is protected.
func (b *builder) protected(p string) string {
	for _, pr := range b.Host.Projects() {
		for _, e := range pr.Protect {
			if paths.Below(p, e.Path) {
				return e.Why
			}
		}
	}
	return ""
}

// exposes says why a host path must not be in a jail, or returns nil.
func (b *builder) exposes(p string) error {
	if paths.Below(b.Host.Home, p) {
		return fmt.Errorf("%s is your home folder or holds it: grant the parts that are needed", p)
	}
	for _, own := range b.Host.OwnDirs {
		if paths.Below(own, p) || paths.Below(p, own) {
			return fmt.Errorf("%s would expose %s, jailed-claude's own policy and state: grant something narrower", p, own)
		}
	}
	return nil
}

func (b *builder) shared() bool { return b.Policy.Agent.Config == policy.ConfigShared }
