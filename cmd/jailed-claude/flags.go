package main

import (
	"os"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/plan"
	"github.com/jailed-claude/jailed-claude/spec/preset"
)

// lockedFlag is --locked of every jail command.
const lockedFlag = "locked"

// jailFlags are the flags that every jail command shares.
type jailFlags struct {
	plan.Options
	useLock  bool
	projects []string
	// of what starts a jail
	require             []string
	strict              bool
	noCheck             bool
	detach              bool
	onHangup            string
	login               string
	runtime             string
	receipt, receiptKey string
}

// register adds the flags behind those of the command itself.
func (f *jailFlags) register(c *cobra.Command) {
	fs := c.Flags()
	fs.StringArrayVar(&f.projects, "project", nil, "use the project in `DIR` (default: the current folder); repeated, further ones as well")
	fs.StringVar(&f.Policy, "policy", "", "use the policy `FILE` instead of the project's; \"none\" for no policy")
	fs.StringVar(&f.Agent, "agent", "", "run the agent `NAME`: "+strings.Join(agent.Names(), ", "))
	_ = c.RegisterFlagCompletionFunc("agent", cli.Completes(plan.AgentNames))
	fs.BoolVar(&f.NoBrief, "no-brief", false, "do not tell the agent, in its context, that it is in a jail")
	fs.StringVar(&f.Package, "package", "", "run the agent `PACKAGE`: a store path, a Nix installable, the path or name of a program, or \"host\"")
	fs.StringVar(&f.Closure, "closure", "", "use the store paths in `FILE`: one a line, or a Nix registration")
	fs.BoolVar(&f.useLock, lockedFlag, false, "use the store paths of the project's lock, and refuse to start if anything differs (default: if there is a lock; --locked=false ignores it)")
	fs.StringVar(&f.ProjectMode, "project-mode", "", "give the project as `MODE`: rw (the real files), overlay (a layer over them, for you to review), or ro")
	fs.StringVar(&f.Layer, "layer", "", "put the layer NAME over the project: a `NAME` for each agent that works on it at the same time")
	fs.StringArrayVar(&f.Read, "read", nil, "let the jail read `PATH` (repeatable)")
	fs.StringArrayVar(&f.Write, "write", nil, "let the jail read and write `PATH` (repeatable)")
	fs.StringArrayVar(&f.Hide, "hide", nil, "hide files of the project that match `PATTERN` (repeatable)")
	fs.StringArrayVar(&f.Toolchains, "toolchain", nil, "let the jail use the toolchain `NAME` of your home: nvm, rustup, … or auto (repeatable)")
	fs.StringArrayVar(&f.Unprotect, "unprotect", nil, "let the jail change `PATH` of the project, although the host executes or trusts it (repeatable)")
	fs.StringVar(&f.Net, "net", "", "use the network `MODE`: none, filtered, internet or host")
	fs.StringArrayVar(&f.Allow, "allow", nil, "allow the destination `NAME`: a name, name:port, host:port of this machine, an address, or @preset (repeatable)")
	_ = c.RegisterFlagCompletionFunc("allow", cli.Completes(preset.Names))
	fs.BoolVar(&f.Ask, "ask", false, "with --net filtered, let connections to other names wait for \"jailed-claude allow\"")
	fs.Int64SliceVar(&f.Ports, "port", nil, "publish `PORT` of the jail on 127.0.0.1 of this machine (repeatable)")
	fs.Int64SliceVar(&f.HostPorts, "host-port", nil, "let the jail reach 127.0.0.1:`PORT` of this machine at its own (repeatable)")
	fs.Lookup("port").DefValue, fs.Lookup("host-port").DefValue = "", "" // or help shows "[]"
	fs.StringArrayVar(&f.Bridges, "bridge", nil, "let the jail ask your desktop for `WHAT`: open (pages), open=always, clipboard (images), notify, ide, ide=diffs, display=wayland or display=x11 (repeatable)")
	fs.StringArrayVar(&f.Env, "env", nil, "pass the variable `NAME` from your environment, or set NAME=VALUE (repeatable)")
	fs.StringVar(&f.User, "user", "", "run the agent as `WHO`: keep (your own user) or root")
	fs.StringVar(&f.TerminalFilter, "terminal-filter", "", "filter escape sequences `WHEN`: auto (on your terminal), or always (also in what goes into a pipe or a file)")
	fs.BoolVar(&f.Nix, "nix", false, "let the jail use the Nix daemon")
	fs.StringVar(&f.Memory, "memory", "", "limit memory to `SIZE`, such as 8GiB")
	fs.Int64Var(&f.Pids, "pids", 0, "limit the number of processes and threads to `N`")
	fs.Float64Var(&f.CPUs, "cpus", 0, "limit the jail to `N` processors, such as 1.5")
}

// registerTeam registers the flags of commands that are about what the project
// decides.
func (f *jailFlags) registerTeam(c *cobra.Command) {
	c.Flags().StringVar(&f.Project, "project", "", "use the project in `DIR` (default: the current folder)")
	c.Flags().StringVar(&f.Policy, "policy", "", "use the policy `FILE` instead of the project's; \"none\" for no policy")
}

// options are what the flags say.
func (f *jailFlags) options(c *cobra.Command) plan.Options {
	o := f.Of(f.projects)
	if c.Flags().Changed(lockedFlag) {
		o.Locked = &f.useLock
	}
	o.Called, o.Version = plan.CalledAgent(os.Args[0]), version
	if cli.IsTerminal(os.Stderr) { // not a pipe
		o.Progress = os.Stderr
	}
	o.Step = planned()
	return o
}

// planned says what each step of a plan took, and is where tests fail one.
func planned() func(plan.Step) error {
	begun := time.Now()
	return func(s plan.Step) error {
		logrus.WithField("took", time.Since(begun).Round(time.Microsecond)).Debug(string(s))
		begun = time.Now()
		return fault.At(fault.Point(s))
	}
}

// plan makes the input of a jail, and tells the user what is unwise.
func (f *jailFlags) plan(c *cobra.Command, o plan.Options) (*spec.Input, error) {
	in, warnings, err := plan.Make(c.Context(), o)
	cli.Warn(c, warnings...)
	return in, err
}

// build makes a jail, and returns what it was made of.
func (f *jailFlags) build(c *cobra.Command, o plan.Options) (*contract.Jail, *spec.Input, error) {
	in, err := f.plan(c, o)
	if err != nil {
		return nil, nil, err
	}
	j, err := spec.Build(*in)
	return j, in, err
}
