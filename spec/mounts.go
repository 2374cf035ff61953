package spec

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

const (
	dirMode  = fs.ModeDir | 0o755
	linkMode = fs.ModeSymlink | 0o777
)

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

// bindOne mounts a path that has no mounts below it, read-only: a store path.
func (b *builder) bindOne(source, dest string) {
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: dest, Type: "bind", Source: source,
		Options: []string{"bind", "ro", "nosuid", "nodev"}})
}

func (b *builder) tmpfs(dest string, options ...string) {
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: dest, Type: "tmpfs", Source: "tmpfs",
		Options: append([]string{"nosuid", "nodev"}, options...)})
}

// kernel mounts /proc and /dev. The device nodes are the OCI default ones
// (config-linux.md, "Default Devices"); every runtime makes them itself.
func (b *builder) kernel() error {
	b.spec.Mounts = append(b.spec.Mounts,
		specs.Mount{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		specs.Mount{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "noexec", "strictatime", "mode=755", "size=64k"}},
		// No gid=5: the group tty is not mapped.
		specs.Mount{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
		specs.Mount{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=256m"}},
	)
	b.spec.Linux.MaskedPaths = append([]string{}, maskedPaths...)
	b.spec.Linux.ReadonlyPaths = append([]string{}, readonlyPaths...)
	return nil
}

// maskedPaths and readonlyPaths are Docker's and Podman's, less what lies in
// /sys, which a jail has not, and with the files of which the kernel trusts
// uid 0 without a capability: a jail of root's has that uid.
var (
	maskedPaths = []string{
		"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/kmsg",
		"/proc/kpagecgroup", "/proc/kpagecount", "/proc/kpageflags", "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
	}
	readonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)

func (b *builder) temporary() error {
	b.tmpfs("/tmp", "mode=1777", "size=4g", "nr_inodes=1m")
	// No link to /tmp: a project or home below /var/tmp is mounted there.
	b.tmpfs("/var/tmp", "mode=1777", "size=4g", "nr_inodes=1m")
	b.tmpfs(b.Host.RuntimeDir, "noexec", "mode=0700", "size=64m", "nr_inodes=16k")
	return nil
}

// home is an empty folder at the caller's own home path, and Claude's
// configuration in it.
func (b *builder) home() error {
	h := b.Host
	if h.Home == "" || h.Home == "/" || !path.IsAbs(h.Home) {
		return fmt.Errorf("the home folder %q cannot be one: set HOME", h.Home)
	}
	b.tmpfs(h.Home, "mode=0700", "size=4g", "nr_inodes=1m")
	if b.Policy.Agent.Config == policy.ConfigShared {
		return b.sharedConfig()
	}
	dir := path.Join(h.Home, ".claude")
	b.bind(PrivateConfig(h), dir, "rw")
	// With it .claude.json lies inside, where a rename over it works.
	b.env["CLAUDE_CONFIG_DIR"] = dir
	b.grant("file", dir, "rw", b.origin("agent.config"), "Claude's configuration, jailed-claude's own: "+PrivateConfig(h))
	return nil
}

// PrivateConfig is the host folder that is ~/.claude in a jail with
// config = "private". It has to exist before the jail starts.
func PrivateConfig(h host.Facts) string { return path.Join(h.StateDir, "claude") }

// sharedConfig mounts the host's own Claude configuration, with all that the
// host's claude would execute or trust held read-only.
func (b *builder) sharedConfig() error {
	c := b.Host.ClaudeShared
	from := b.origin("agent.config")
	if c.Dir == "" {
		return errors.New(`config = "shared", but the host has no ~/.claude: run claude once, or use "private"`)
	}
	b.bind(c.Dir, c.Dir, "rw")
	b.grant("file", c.Dir, "rw", from, "Claude's configuration, the host's own")
	for _, p := range c.Executable {
		b.bind(p.Path, p.Path, "ro")
		b.grant("protected", p.Path, "ro", builtin, p.Why)
	}
	if c.JSON != "" {
		// It names the MCP servers that the host's claude starts.
		b.bind(c.JSON, c.JSON, "ro")
		b.grant("protected", c.JSON, "ro", builtin, "MCP servers and trust decisions of the host's claude")
	}
	if c.Dir != path.Join(b.Host.Home, ".claude") {
		b.env["CLAUDE_CONFIG_DIR"] = c.Dir
	}
	return nil
}

// files mounts the grants and the project, parents before what they hold.
func (b *builder) files() error {
	type mount struct{ path, mode, from, why string }
	var ms []mount
	add := func(list []string, key, mode string) error {
		for _, g := range list {
			p, err := b.granted(g)
			if err != nil {
				return fmt.Errorf("%s %q (%s): %w", key, g, b.origin(key+"="+g), err)
			}
			ms = append(ms, mount{p, mode, b.origin(key + "=" + g), "granted by policy"})
		}
		return nil
	}
	err := errors.Join(add(b.Policy.Files.Read, "files.read", "ro"), add(b.Policy.Files.Write, "files.write", "rw"))
	if err != nil {
		return err
	}
	pr := b.Host.Project
	mode := b.Policy.Files.Project
	ms = append(ms, mount{pr.Dir, mode, b.origin("files.project"), "the project"})
	for _, g := range pr.Git {
		ms = append(ms, mount{g, mode, builtin, "the project's git directory, which lies elsewhere"})
	}
	slices.SortStableFunc(ms, func(x, y mount) int { return comparePaths(x.path, y.path) })
	for _, m := range ms {
		b.bind(m.path, m.path, m.mode)
		b.grant("file", m.path, m.mode, m.from, m.why)
	}
	return nil
}

// granted resolves a path of the policy and refuses what must not be granted.
func (b *builder) granted(g string) (string, error) {
	p := g
	if rest, ok := strings.CutPrefix(g, "~/"); ok {
		p = path.Join(b.Host.Home, rest)
	}
	p = path.Clean(p)
	k, ok := b.Host.Present[p]
	switch {
	case !ok:
		return "", fmt.Errorf("%s does not exist: make it, or take the grant away", p)
	case k.Real != p:
		// The agent may be able to move a link; what it names has to be granted.
		return "", fmt.Errorf("%s leads through a symlink to %s: grant that path", p, k.Real)
	case below(b.Host.Home, p):
		return "", fmt.Errorf("%s is your home folder or holds it: grant the parts that are needed", p)
	}
	for _, own := range b.Host.OwnDirs {
		if below(own, p) || below(p, own) {
			return "", fmt.Errorf("%s would expose %s, jailed-claude's own policy and state: grant something narrower", p, own)
		}
	}
	return p, nil
}

// protect pins the folders on the way to a protected path, by mounting each on
// itself (so that it cannot be renamed), and mounts the path read-only on top.
// Only what exists is mounted: nothing is made in the project.
func (b *builder) protect() error {
	pr := b.Host.Project
	if b.Policy.Files.Project == policy.ProjectRW {
		for _, p := range pr.Pin {
			b.bind(p, p, "rw")
		}
	}
	for _, p := range slices.SortedFunc(slices.Values(pr.Protect), func(x, y host.Path) int { return comparePaths(x.Path, y.Path) }) {
		b.bind(p.Path, p.Path, "ro")
		b.grant("protected", p.Path, "ro", b.originOf("files.protect", p.Why), p.Why)
	}
	watch := slices.Concat(pr.Watch, b.Host.ClaudeShared.Watch)
	if len(watch) > 0 && b.Policy.Files.Project == policy.ProjectRW {
		slices.Sort(watch)
		text, err := canonicalJSON(slices.Compact(watch))
		if err != nil {
			return err
		}
		b.spec.Annotations = map[string]string{WatchAnnotation: text}
	}
	return nil
}

// originOf is the layer of a list element, or "built-in".
func (b *builder) originOf(key, element string) string { return b.origin(key + "=" + element) }

// hide covers paths by the OCI runtime's own means: a file reads as empty, a
// folder as an empty read-only one, and neither can be moved or replaced.
func (b *builder) hide() error {
	for _, p := range slices.SortedFunc(slices.Values(b.Host.Project.Hide), func(x, y host.Path) int { return comparePaths(x.Path, y.Path) }) {
		b.spec.Linux.MaskedPaths = append(b.spec.Linux.MaskedPaths, p.Path)
		b.grant("hidden", p.Path, "empty", b.originOf("files.hide", p.Why), p.Why)
	}
	return nil
}
