package plan

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/bundle/layer"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/lent"
	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/policy/scalar"
	"github.com/jailed-claude/jailed-claude/spec/trust"
)

// Options are what a command line says about a jail.
type Options struct {
	// Project is the project's folder as the user wrote it; empty is the
	// current one.
	Project string
	// Also are the folders of further projects.
	Also []string
	// Policy is a policy file in place of the project's; noPolicy for none.
	Policy string

	// The flags are the strongest layer of the policy. Zero values say
	// nothing.
	// Agent is the name of one; Package may have its name.
	Agent string
	// Called is the agent that this program is called after, which counts where
	// Agent and Package name none.
	Called                 string
	Package, Net           string
	Allow                  []string
	Ports, HostPorts       []int64
	Read, Write, Hide, Env []string
	Toolchains, Bridges    []string
	Unprotect              []string
	Nix, NoBrief, Ask      bool
	User, TerminalFilter   string
	Memory                 string
	Pids                   int64
	CPUs                   float64

	// ProjectMode is what the agent may change of the project.
	ProjectMode string
	// Layer is the name of the project's layer, where it is not the one without a
	// name. It means ProjectMode "overlay".
	Layer string

	// Closure is a file that lists the closure.
	Closure string
	// Locked says whether the project's lock is used; nil: if there is one.
	Locked *bool

	// Command is what runs in place of the agent, Args are arguments of the
	// agent.
	Command, Args []string
	// LogIn: the agent logs in, and what comes of that is kept outside, for the
	// project or, with HostLogin, for the host.
	LogIn, HostLogin bool
	// NoAgent: a jail without an agent is fine.
	NoAgent bool
	// Terminal gives the program a terminal of its own.
	Terminal bool
	// Export: the bundle is for other runtimes, and PID 1 comes with its
	// rootfs.
	Export bool
	// Look: nothing will run, so a lock need not be approved.
	Look bool

	// Origin, unless it is nil, is filled in by Make.
	Origin *Origin
	// Version is this program's.
	Version string
	// Progress is where Nix may say what it builds. It may be nil.
	Progress io.Writer
	// Step is called after each step of Make. What it returns ends the plan.
	// It may be nil.
	Step func(Step) error
}

// noPolicy as Options.Policy leaves the project's policy out.
const noPolicy = "none"

// Step is a part of Make.
type Step string

// Steps in their order.
const (
	stepPolicy  Step = "policy"  // policies are read and merged
	stepFacts   Step = "facts"   // the host has been looked at
	stepClosure Step = "closure" // the closure is known
)

// done reports a step that succeeded.
func (o *Options) done(s Step) error {
	if o.Step == nil {
		return nil
	}
	return o.Step(s)
}

// Dir is the project's folder, resolved as far as it exists.
func (o *Options) Dir() string {
	file, err := trust.Path(o.Project)
	if err != nil {
		return o.Project
	}
	return filepath.Dir(file)
}

// commandLine is a command of this program for the same project and policy.
func (o *Options) commandLine(name string) string {
	words := []string{"jailed-claude", name}
	if o.Project != "" {
		words = append(words, "--project", show.ShellQuote(o.Project))
	}
	for _, p := range o.Also {
		words = append(words, "--project", show.ShellQuote(p))
	}
	if o.Policy != "" {
		words = append(words, "--policy", show.ShellQuote(o.Policy))
	}
	return strings.Join(words, " ")
}

// trustCommand is the command that approves the files of this project.
func (o *Options) trustCommand() string {
	if o.Project == "" {
		return "jailed-claude trust"
	}
	return "jailed-claude trust " + show.ShellQuote(o.Project)
}

// layer is the strongest layer of the policy.
func (o *Options) layer() (*policy.Layer, error) {
	l := &policy.Layer{Name: "command line"}
	set := func(to **string, value string) {
		if value != "" {
			*to = &value
		}
	}
	set(&l.Agent.Name, o.Agent)
	if o.Agent == "" && o.Package == "" {
		set(&l.Agent.Name, o.Called)
	}
	set(&l.Agent.Package, o.Package)
	set(&l.Network.Mode, o.Net)
	l.Network.Allow, l.Network.Ports, l.Network.HostPorts = o.Allow, o.Ports, o.HostPorts
	set(&l.Identity.User, o.User)
	set(&l.Terminal.Filter, o.TerminalFilter)
	l.Files.Hide, l.Files.Toolchains = o.Hide, o.Toolchains
	if o.Layer != "" {
		if err := layer.CheckName(o.Layer); err != nil {
			return nil, err
		}
		if o.ProjectMode != "" && o.ProjectMode != policy.ProjectOverlay {
			return nil, fmt.Errorf("there is no layer with --project-mode %s: leave out --layer", o.ProjectMode)
		}
		o.ProjectMode = policy.ProjectOverlay
	}
	set(&l.Files.Project, o.ProjectMode)
	for from, to := range map[*[]string]*[]string{&o.Read: &l.Files.Read, &o.Write: &l.Files.Write, &o.Unprotect: &l.Files.Unprotect} {
		for _, p := range *from {
			abs, err := grantPath(p)
			if err != nil {
				return nil, err
			}
			*to = append(*to, abs)
		}
	}
	for _, e := range o.Env {
		if name, value, ok := strings.Cut(e, "="); !ok {
			l.Env.Pass = append(l.Env.Pass, name)
		} else {
			if l.Env.Set == nil {
				l.Env.Set = map[string]string{}
			}
			l.Env.Set[name] = value
		}
	}
	if o.Ask {
		l.Network.Ask = &o.Ask
	}
	var err error
	if l.Bridges, err = lent.Asked(o.Bridges); err != nil {
		return nil, err
	}
	if o.NoBrief {
		l.Agent.NoBrief = &o.NoBrief
	}
	if o.Nix {
		set(&l.Nix.Daemon, policy.DaemonAuto)
	}
	if o.Memory != "" {
		n, err := scalar.ParseMemory(o.Memory)
		if err != nil {
			return nil, fmt.Errorf("--memory %q: %w", o.Memory, err)
		}
		l.Limits.Memory = &n
	}
	if o.Pids != 0 {
		l.Limits.Pids = &o.Pids
	}
	if o.CPUs != 0 {
		l.Limits.CPUs = &o.CPUs
	}
	return l, nil
}

// grantPath refuses what is ambiguous: relative to what, and where does ".."
// lead, is for the user to say.
func grantPath(p string) (string, error) {
	if p == "~" || strings.HasPrefix(p, "~/") || filepath.IsAbs(p) {
		return p, nil
	}
	return "", hint.Add(fmt.Errorf("grant %q is relative", p), "write an absolute path, or one that starts with ~/")
}

// closureOptions are how a closure is found that is not locked, but for what
// the host says.
func (o *Options) closureOptions(p policy.Policy) closure.Options {
	c := closure.Options{
		Package: p.Agent.Package, Packages: p.Agent.Packages, ClosureFile: o.Closure, NoAgent: o.NoAgent,
		CacheDir: host.CacheDir(), Progress: o.Progress, Program: p.Agent.Row().Programs[0],
	}
	if b := baked(); bakedFor(p) && c.ClosureFile == "" && c.Package == "" && b.closure != "" {
		c.ClosureFile, c.Package, c.Baked = b.closure, b.pkg, true
	}
	return c
}

// onHost adds what the host says.
func onHost(c closure.Options, facts *host.Facts) closure.Options {
	c.Path, c.Home, c.Self, c.Never = os.Getenv("PATH"), facts.Home, facts.Executable, changeable(facts)
	return c
}

// changeable are the folders of projects, which jails change.
func changeable(facts *host.Facts) []string {
	var all []string
	for _, p := range append(facts.Projects(), facts.Further...) {
		all = append(append(all, p.Dir), p.Git...)
	}
	return all
}

// Changeable are folders that jails may change: no program there is run outside.
func Changeable(in *spec.Input) []string {
	return slices.Concat(changeable(&in.Host), in.Policy.Files.Write, []string{in.Host.StateDir})
}
