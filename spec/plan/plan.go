package plan

import (
	"context"
	"fmt"
	"slices"

	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/contract/brief"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/host/git"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
	"github.com/jailed-claude/jailed-claude/spec/lent"
	"github.com/jailed-claude/jailed-claude/spec/login"
	"github.com/jailed-claude/jailed-claude/spec/own"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// Make gathers policy, host and closure. Warnings are for the user, one line
// each; they are returned with an error as well.
func Make(ctx context.Context, o Options) (in *spec.Input, warnings Warnings, err error) {
	dir := o.Dir()
	// git runs while policies are read.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	asked := host.Ask(ctx, dir)
	ps, warnings, err := o.merged(dir)
	if err == nil {
		err = o.done(stepPolicy)
	}
	if err != nil {
		return nil, warnings, err
	}
	p := ps.all
	if o.Origin != nil {
		o.Origin.Policy, o.Origin.Project = ps.all, ps.team
	}
	also, said, err := o.also()
	if warnings = append(warnings, said...); err != nil {
		return nil, warnings, err
	}
	if p.Network.Mode == policy.NetHost && len(p.Network.Deny) > 0 {
		warnings.add("with the network of the host nothing can be denied, and network.deny does not hold")
	}
	// The closure's file and the lock are read while the host is; none needs
	// another.
	c := o.closureOptions(p)
	c.Ahead = closure.ReadAhead(c)
	type result struct {
		cl       *closure.Closure
		warnings Warnings
		err      error
	}
	fromLock := make(chan result, 1)
	go func() {
		var r result
		r.cl, r.warnings, r.err = o.locked(dir, ps)
		fromLock <- r
	}()
	facts, err := host.Read(ctx, host.Options{
		ProjectDir: dir, Also: also, Hide: p.Files.Hide, Protect: p.Files.Protect,
		Grants: append(append([]string{}, p.Files.Read...), p.Files.Write...), Write: p.Files.Write, ReadOnly: p.Files.Project == policy.ProjectRO, Layer: p.Files.Project == policy.ProjectOverlay, LayerName: o.Layer, Unprotect: p.Files.Unprotect, Inside: o.Project != "",
		Shared: p.Agent.Config == policy.ConfigShared, Toolchains: p.Files.Toolchains, OwnState: p.Agent.SeparateWorktrees, Nix: p.Nix.Daemon == policy.DaemonAuto, Git: asked,
		SSHKeys: p.SSH.Keys, SSHHosts: lent.SSHNames(p.SSH), Agents: p.Agent.Own(),
	})
	if err == nil {
		err = o.done(stepFacts)
	}
	if err != nil {
		return nil, warnings, err
	}
	if err = own.Brought(p, facts); err != nil {
		return nil, warnings, err
	}
	if facts.Project.Dir != dir {
		// The policy was that of another folder.
		return nil, warnings, fmt.Errorf("project %q became %q while it was read", dir, facts.Project.Dir)
	}
	warnings = append(warnings, facts.Warnings...)
	locked := <-fromLock
	warnings = append(warnings, locked.warnings...)
	cl, err := locked.cl, locked.err
	if err == nil && cl == nil {
		cl, err = closure.Resolve(ctx, onHost(c, facts))
	}
	if err == nil {
		err = o.done(stepClosure)
	}
	if err != nil {
		return nil, warnings, err
	}
	facts.GitSettings = git.With(facts.GitSettings, cl.Bins)
	facts.GitFront = p.Files.Project != policy.ProjectRO && git.Inside(cl.Bins)
	facts.Failing = failing(p, cl.Bins)
	in = &spec.Input{Policy: p, Closure: *cl, Host: *facts, Env: spec.EnvOf(p, source.Environ()), Command: o.Command, Args: o.Args, Terminal: o.Terminal}
	if !o.Export {
		in.Init = facts.Executable
		warnings = slices.Concat(warnings, login.Choose(in), unusedKeys(in))
		if o.LogIn {
			if err := login.ForLogin(in, o.HostLogin); err != nil {
				return nil, warnings, err
			}
		}
	}
	return in, warnings, nil
}

// failing are the programs that the jail has, or its agent brings, and that cannot
// work in it.
func failing(p policy.Policy, bins []string) []string {
	return slices.DeleteFunc(brief.Failing(p.Identity.Nesting), func(name string) bool {
		return !source.OnPath(bins, name) && (name != brief.Bwrap || !p.Agent.Row().Sandbox.Bwrap)
	})
}

// Warnings are lines for the user, in the order in which they came up.
type Warnings []string

func (w *Warnings) add(format string, args ...any) { *w = append(*w, fmt.Sprintf(format, args...)) }
