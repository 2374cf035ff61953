package spec

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/caches"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/contract/brief"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/toolchain/home"
)

// Input is all that a jail depends on.
type Input struct {
	Policy  policy.Policy
	Closure closure.Closure
	Host    host.Facts
	Env     Env
	// Command is the program and its arguments; empty runs the agent with
	// Args. A program without a slash is searched on the jail's PATH.
	Command []string
	// Args are arguments of the agent.
	Args []string
	// Terminal gives the program a terminal of the jail's own.
	Terminal bool
	// Init is the host path of the program that is mounted at InitPath; empty
	// means that the rootfs holds it (an exported bundle).
	Init string
}

// builder collects what the steps add.
type builder struct {
	Input
	// agent is what is known of the agent.
	agent  agent.Agent
	spec   *specs.Spec
	rootfs []contract.File
	env    map[string]string
	grants []Grant
	// net is the network of a jail that has more than its own loopback, and
	// less than the host's; nil for others.
	net *network.Network
	// netEnv are variables that the network makes useful. Those that the
	// policy passes or sets come before them.
	netEnv []variable
}

// step is one named part of Build. The order of the steps is the order of the
// mounts, and "the runtime MUST mount entries in the listed order" (OCI
// runtime-spec, config.md): what comes later lies on top.
type step struct {
	name string
	do   func(*builder) error
}

var steps = []step{
	{"identity", (*builder).identity},
	{"network", (*builder).network},
	{"temporary folders", (*builder).temporary},
	{"toolchain", (*builder).toolchain},
	{"nix", (*builder).nix},
	{"/etc", (*builder).etc},
	{"init", (*builder).init},
	{"home", (*builder).home},
	{"files", (*builder).files},
	{"protected paths", (*builder).protect},
	{"hidden paths", (*builder).hide},
	{"brief", (*builder).brief},
	{"environment", (*builder).environment},
	{"limits", (*builder).limits},
	{"terminal", (*builder).terminal},
	{"program", (*builder).program},
	{"seccomp", (*builder).seccomp},
	{"hooks", (*builder).hooks},
}

// Build makes a jail. It is a pure function: equal inputs give equal jails.
// The result has passed contract.Check.
func Build(in Input) (*contract.Jail, error) {
	j, _, err := build(in)
	return j, err
}

// Explain returns every grant of the jail that Build makes of in, in the order
// in which they are made.
func Explain(in Input) ([]Grant, error) {
	_, b, err := build(in)
	if err != nil {
		return nil, err
	}
	return b.grants, nil
}

func newBuilder(in Input) *builder {
	b := &builder{Input: in, agent: in.Policy.Agent.Row(), env: map[string]string{}}
	b.spec = contract.Base(b.identities(), in.Terminal)
	return b
}

func build(in Input) (*contract.Jail, *builder, error) {
	b := newBuilder(in)
	for _, s := range steps {
		if err := s.do(b); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	slices.SortFunc(b.rootfs, func(x, y contract.File) int { return paths.Compare(x.Path, y.Path) })
	j := &contract.Jail{Spec: b.spec, Network: b.net, Rootfs: b.rootfs}
	if v := j.Check(); len(v) > 0 {
		return nil, nil, &contract.CheckError{Violations: v}
	}
	return j, b, nil
}

func (b *builder) grant(kind, what, mode, from, why string) {
	b.grants = append(b.grants, Grant{Kind: kind, What: what, Mode: mode, From: from, Why: why})
}

// origin is the layer that set a policy value.
func (b *builder) origin(key string) string {
	if o := b.Policy.Origins[key]; o != "" {
		return o
	}
	return builtin
}

const builtin = "built-in"

func (b *builder) identities() contract.Identity {
	return contract.Identity{UID: b.Host.UID, GID: b.Host.GID, Keep: b.Policy.Identity.User == policy.UserKeep}
}

// nested: the agent gets a user namespace of its own.
func (b *builder) nested() bool { return b.identities().Nested() }

// agentIDs are the ids that the agent sees as its own.
func (b *builder) agentIDs() (uid, gid int) {
	if b.nested() {
		return b.Host.UID, b.Host.GID
	}
	return 0, 0
}

func (b *builder) identity() error {
	uid, gid := b.agentIDs()
	b.grant("identity", fmt.Sprintf("uid %d, gid %d", uid, gid), "no capability", b.origin("identity.user"),
		"files made in the project belong to you")
	return b.nesting()
}

// nesting lets the agent make namespaces. What that breaks, and cannot be told
// when the jail ends, goes not together with it.
func (b *builder) nesting() error {
	if !b.Policy.Identity.Nesting {
		return nil
	}
	if uid, _ := b.agentIDs(); uid == 0 {
		// verify_root_map() of the kernel, since 5.12; the agent has no capability.
		return fmt.Errorf(`identity.nesting (%s): the kernel lets uid 0 map no user namespace without CAP_SETFCAP: run as another user, with identity.user = "keep", or take it away`,
			b.origin("identity.nesting"))
	}
	var with string
	switch {
	case b.Policy.Agent.Config == policy.ConfigShared:
		with = `agent.config = "shared"`
	case len(b.Policy.Files.Hide) > 0 && b.Policy.Files.Project != policy.ProjectRO:
		with = `files.hide in a project that can be written`
	}
	if with != "" {
		return fmt.Errorf("identity.nesting (%s) and %s: an agent that makes namespaces gets around the mounts that protect and hide what lies in a folder it may write: take one of them away",
			b.origin("identity.nesting"), with)
	}
	why := "sandboxes of the agent's own"
	if b.Policy.Files.Project != policy.ProjectRO || len(b.Policy.Files.Write) > 0 {
		why += "; with them it can replace what is protected in the folders that it may write"
	}
	b.grant("identity", "namespaces", "make", b.origin("identity.nesting"), why)
	return nil
}

func (b *builder) limits() error {
	// No core files: they would hold the agent's memory, and with a
	// core_pattern that is a path they land in the project.
	b.spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_CORE", Hard: 0, Soft: 0}}
	// Whoever runs an exported bundle may have a lower limit than whoever wrote
	// it, and no right to raise it. There PID 1 sees to it.
	if n := min(b.Host.NoFile, maxOpenFiles); n > 0 && b.Init != "" {
		b.spec.Process.Rlimits = append(b.spec.Process.Rlimits, specs.POSIXRlimit{Type: "RLIMIT_NOFILE", Hard: n, Soft: n})
	}
	l := b.Policy.Limits
	l.Cache = 0 // not the kernel's: see package projects
	if l == (policy.Limits{}) {
		return nil
	}
	r := &specs.LinuxResources{}
	if l.Memory > 0 {
		// "memory+swap" (config-linux.md): no swap, under every runtime.
		r.Memory = &specs.LinuxMemory{Limit: &l.Memory, Swap: &l.Memory}
		b.grant("limit", "memory", strconv.FormatInt(l.Memory, 10)+" bytes", b.origin("limits.memory"), "memory.max of the jail's cgroup")
	}
	if l.Pids > 0 {
		r.Pids = &specs.LinuxPids{Limit: &l.Pids}
		b.grant("limit", "pids", strconv.FormatInt(l.Pids, 10), b.origin("limits.pids"), "pids.max of the jail's cgroup")
	}
	if l.CPUs > 0 {
		period := uint64(100_000) // microseconds, the kernel's own default
		quota := int64(l.CPUs * float64(period))
		r.CPU = &specs.LinuxCPU{Quota: &quota, Period: &period}
		b.grant("limit", "cpus", strconv.FormatFloat(l.CPUs, 'g', -1, 64), b.origin("limits.cpus"), "cpu.max of the jail's cgroup")
	}
	b.spec.Linux.Resources = r
	return nil
}

// maxOpenFiles is enough for build tools and file watchers.
const maxOpenFiles = 65536

func (b *builder) program() error {
	argv := b.Command
	if len(argv) == 0 {
		if b.Closure.Agent == "" {
			return fmt.Errorf("the closure holds no agent to run")
		}
		argv = append([]string{b.Closure.Agent}, b.Args...)
	}
	args := []string{contract.InitPath}
	if b.nested() {
		args = append(args, "--uid="+strconv.Itoa(b.Host.UID), "--gid="+strconv.Itoa(b.Host.GID))
	}
	if b.Policy.Identity.Nesting {
		args = append(args, contract.NestingFlag)
	}
	b.spec.Process.Args = append(append(append(args, b.filter()...), "--"), argv...)
	b.spec.Process.Cwd = b.Host.Project.Dir
	if s := b.Host.Start; s != "" && !slices.ContainsFunc(b.Host.Project.Hide, func(h host.Path) bool { return paths.Below(s, h.Path) }) {
		b.spec.Process.Cwd = s
	}
	return nil
}

func (b *builder) environment() error {
	for _, name := range slices.Sorted(maps.Keys(b.Env.Vars)) {
		if _, made := b.env[name]; made || !crosses(b.Policy, name) {
			continue // made: it names a path of the host, where the jail has its own
		}
		from, why := builtin, "on the allow-list"
		if !allowedEnv(name) {
			from, why = b.origin("env.pass="+name), "passed from your environment"
		}
		b.env[name] = b.Env.Vars[name]
		b.grant("environment", name, "", from, why)
	}
	for _, dir := range append(home.Bins(b.Host.Toolchains), b.Closure.Bins...) {
		if strings.Contains(dir, ":") {
			return fmt.Errorf("%q cannot be on PATH: a colon ends a folder's name there", dir)
		}
	}
	uid, _ := b.agentIDs()
	maps.Copy(b.env, map[string]string{
		"HOME":            b.Host.Home,
		"USER":            b.Host.User,
		"LOGNAME":         b.Host.User,
		"PATH":            strings.Join(slices.Concat(brief.Before(b.Host.GitFront || len(b.Host.Failing) > 0), contract.BridgeBins(b.net), home.Bins(b.Host.Toolchains), b.Closure.Bins, []string{brief.Bin}, caches.Bins(b.Host.Home)), ":"),
		"TMPDIR":          "/tmp",
		"XDG_RUNTIME_DIR": b.Host.RuntimeDir,
	})
	for _, v := range b.agent.Set(agent.Always) {
		b.env[v.Name] = b.inHome(v.Value)
	}
	if b.Closure.Bash != "" {
		// Claude Code runs its commands with it.
		b.env["SHELL"] = b.Closure.Bash
	}
	if uid == 0 {
		for _, v := range b.agent.Set(agent.AsRoot) {
			b.env[v.Name] = v.Value
		}
	}
	b.networkEnv()
	b.locale()
	for _, name := range slices.Sorted(maps.Keys(b.Policy.Env.Set)) {
		b.env[name] = b.inHome(b.Policy.Env.Set[name])
		b.grant("environment", name, "fixed", b.origin("env.set="+name), "set by policy")
	}
	for _, name := range slices.Sorted(maps.Keys(b.env)) {
		b.spec.Process.Env = append(b.spec.Process.Env, name+"="+b.env[name])
	}
	return nil
}

// file adds a generated file, readable by all inside.
func (b *builder) file(p string, content string) {
	b.rootfs = append(b.rootfs, contract.File{Path: p, Mode: 0o644, Content: []byte(content)})
}

func (b *builder) symlink(p, target string) {
	b.rootfs = append(b.rootfs, contract.File{Path: p, Mode: linkMode, Target: target})
}

// init mounts PID 1. An exported bundle has it in its rootfs instead.
func (b *builder) init() error {
	if b.Init == "" {
		return nil
	}
	b.bindOne(b.Init, contract.InitPath)
	return nil
}

// toolchain mounts what the closure lists, nothing else of the store.
func (b *builder) toolchain() error {
	c := b.Closure
	switch {
	case b.fullStore():
		key, why := "nix.store", "the whole Nix store"
		if b.Policy.Nix.Store != policy.StoreFull {
			key, why = "nix.daemon", "the whole Nix store, so that what the daemon builds is visible"
		}
		b.bind(closure.StoreDir, closure.StoreDir, "ro")
		b.grant("file", closure.StoreDir, "ro", b.origin(key), why)
	case len(c.Paths) > 0:
		for _, p := range c.Paths {
			if _, link := c.Links[p]; !link {
				b.bindOne(p, p)
			}
		}
		b.grant("file", fmt.Sprintf("%d paths of %s", len(c.Paths), closure.StoreDir), "ro", builtin, closureWhy(c.Roots))
	}
	if c.Toolchain == closure.Host {
		for _, p := range slices.SortedFunc(slices.Values(c.Binds), paths.Compare) {
			if paths.Below(p, b.Host.Home) {
				continue // the jail's own home would cover it; see files
			}
			b.bindKind(p, p, "ro", slices.Contains(c.Files, p))
			b.grant("file", p, "ro", builtin, toolchainWhy)
		}
	}
	for _, l := range slices.Sorted(maps.Keys(c.Links)) {
		if !b.fullStore() || !paths.Below(l, closure.StoreDir) {
			b.symlink(l, c.Links[l])
		}
	}
	if c.Toolchain == closure.Nix {
		// Scripts name these two.
		if c.Shell != "" {
			b.symlink("/bin/sh", c.Shell)
		}
		if c.Env != "" {
			b.symlink("/usr/bin/env", c.Env)
		}
	}
	return nil
}

func closureWhy(roots []string) string {
	if len(roots) == 0 {
		return "the closure that was named"
	}
	return "the closure of " + baseNames(roots)
}

const toolchainWhy = "the host's toolchain"

// fullStore: all of the store is in the jail, not the closure alone.
func (b *builder) fullStore() bool {
	return b.Policy.Nix.Store == policy.StoreFull || b.nixDaemon()
}

// baseNames is for people.
func baseNames(paths []string) string {
	names := make([]string, 0, len(paths))
	for _, p := range paths {
		names = append(names, path.Base(p))
	}
	return strings.Join(names, ", ")
}
