package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/reviewing"
	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/running"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/runtime"
	"github.com/jailed-claude/jailed-claude/runtime/cgroup"
	"github.com/jailed-claude/jailed-claude/runtime/egress/upstream"
	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/runtime/foreign"
	"github.com/jailed-claude/jailed-claude/runtime/inspect"
	"github.com/jailed-claude/jailed-claude/runtime/key"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/sessionlog"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
	"github.com/jailed-claude/jailed-claude/spec/login"
	"github.com/jailed-claude/jailed-claude/spec/plan"
	"github.com/jailed-claude/jailed-claude/spec/plan/receipts"
)

func newRun() *cobra.Command {
	var f jailFlags
	c := cli.Command("run [flags] [AGENT] [-- AGENT-ARGS]", "Run the agent, jailed in the current folder", cobra.ArbitraryArgs, func(c *cobra.Command, args []string) error {
		o := f.options(c)
		args, dash := o.TakeAgent(args, c.ArgsLenAtDash())
		_, agentArgs, err := cli.Split(c, args, dash, 0)
		if h := new(hint.Error); errors.As(err, &h) && o.Agent == "" {
			// Perhaps a name, and not what it is to do.
			err = hint.Add(err, append([]string{"agents that it knows: " + strings.Join(plan.AgentNames(), ", ") + "; another program: --package PATH"}, h.Lines...)...)
		}
		if err != nil {
			return err
		}
		o.Args = agentArgs
		return f.start(c, o)
	})
	c.ValidArgsFunction = cli.Completes(plan.AgentNames)
	f.registerStart(c)
	c.Flags().BoolVar(&f.noCheck, "no-check", false, "start claude -p although it has no way to its API")
	return c
}

// registerStart adds the flags of what starts a jail.
func (f *jailFlags) registerStart(c *cobra.Command) {
	c.Flags().StringVar(&f.login, "login", login.Nothing, "give a private configuration the `LOGIN` none, or copy (the host's)")
	f.register(c)
	c.Flags().StringSliceVar(&f.require, "require", nil, "do not start unless each of `LIST` is active: "+strings.Join(inspect.Protections, ","))
	c.Flags().BoolVarP(&f.detach, "detach", "d", false, "print the ID when the agent runs, and leave it alone: \"attach\" comes back")
	c.Flags().StringVar(&f.onHangup, "on-hangup", "end", "when your terminal closes or a connection breaks, `DO`: end (the jail ends), or detach (it goes on, and \"attach\" comes back)")
	c.Flags().StringVar(&f.receipt, "receipt", "", "when the jail has ended, write a receipt of the session to `FILE`")
	c.Flags().StringVar(&f.receiptKey, "receipt-key", "", "sign it with the ssh key in `KEY`: a private one, or a public one that your agent signs with")
	f.registerRuntime(c)
	c.Flags().BoolVar(&f.strict, "strict", false, "end the jail as soon as a file appears in it that the host would execute or trust")
}

func (f *jailFlags) registerRuntime(c *cobra.Command) {
	c.Flags().StringVar(&f.runtime, "runtime", foreign.Auto, "have the container created by the OCI `RUNTIME`: auto (our own code; where this host refuses it a user namespace, in that of a runtime of the distribution), own (no other program), runc, crun, runsc (gVisor), or the path of one like these")
}

// start plans a jail and becomes its supervisor.
func (f *jailFlags) start(c *cobra.Command, o plan.Options) error {
	if err := inspect.CheckRequired(f.require); err != nil {
		return err
	}
	_, detached := launch.IsDetached()
	if f.onHangup != "end" && f.onHangup != running.HangupDetach {
		return fmt.Errorf("--on-hangup: %q is neither end nor detach", f.onHangup)
	}
	shown := cli.IsTerminal(os.Stdin) && cli.IsTerminal(os.Stdout) // or nothing hangs up
	if !detached && (f.detach || shown && f.onHangup == running.HangupDetach) {
		return running.Detached(c, f.detach)
	}
	// With any terminal the jail gets one of its own in its place.
	o.Terminal = detached || cli.IsTerminal(os.Stdin) || cli.IsTerminal(os.Stdout) || cli.IsTerminal(os.Stderr)
	o.Origin = new(plan.Origin)
	in, err := f.plan(c, o)
	if err != nil {
		return err
	}
	if len(in.Command) == 0 && o.NoAgent {
		if in.Command, err = plan.Shell(in); err != nil {
			return err
		}
	}
	if err := login.Check(in, f.login); err != nil {
		return err
	}
	by, err := foreign.Find(f.runtime, source.Environ()["PATH"], plan.Changeable(in))
	if err != nil {
		return err
	}
	if err := plan.Hold(in); err != nil {
		return err
	}
	j, err := spec.Build(*in)
	if err := fault.After(fault.Built, err); err != nil {
		return err
	}
	if !f.noCheck {
		if err := plan.CheckAPI(in, j); err != nil {
			return err
		}
	}
	warnings, err := plan.Prepare(in, j, launch.Busy)
	cli.Warn(c, warnings...)
	if err := fault.After(fault.Prepared, err); err != nil {
		return err
	}
	seeded, err := plan.Seed(in, j, f.login)
	cli.Warn(c, seeded.Warnings...)
	if err := fault.After(fault.Seeded, err); err != nil {
		return err
	}
	terminal := cli.IsTerminal(os.Stderr)
	for _, line := range plan.Notes(in, j, seeded, terminal) {
		cli.Say(c, "%s", line)
	}
	keys, err := brokerKeys(c, in, j)
	if err := fault.After(fault.Keys, err); err != nil {
		return err
	}
	ro := runtime.Options{Cache: filepath.Join(host.CacheDir(), "seccomp")}
	ro.Runtime = by
	if ro.ID, err = runtime.NewID(); err != nil {
		return err
	}
	if r := j.Spec.Linux.Resources; r != nil {
		ro.Cgroup, err = cgroup.Prepare(c.Context(), cgroup.Options{ID: ro.ID, Limits: r, Supervisor: launch.PID(), Alone: launch.EndAhead})
		if err != nil {
			return err
		}
	}
	ro.Agent = in.Host.SSH.Agent
	if ro.Upstream, err = upstream.Checked(source.Environ(), j.Network); err != nil {
		return err
	}
	ro.Then = reviewing.After(in)
	ro.Home, ro.Project = in.Host.Home, in.Host.Project.Dir
	ro.Keys, ro.Summary, ro.Require, ro.Strict = keys, terminal, f.require, f.strict
	ro.State = launch.OpenState(in.Host.ProjectState, in.Host.Project.Dir)
	if j.Network != nil {
		if ro.Log, err = sessionlog.In(host.StateDir()).Create(ro.ID, in.Host.Project.Dir); err != nil {
			return err
		}
	}
	receipt, err := receipts.Begin(in, j, o, ro.ID, by, f.receipt, f.receiptKey)
	if err != nil {
		return err
	}
	ro.Receipt = launch.Receipt(receipt)
	if err := fault.At(fault.Log); err != nil {
		return err
	}
	return runtime.Run(j, ro)
}

// brokerKeys reads the keys of a jail's brokers, by their names. Nothing of them
// gets into the configuration of the jail.
func brokerKeys(c *cobra.Command, in *spec.Input, j *contract.Jail) (keys map[string]string, err error) {
	brokers := plan.Brokers(j)
	if len(brokers) == 0 {
		return nil, nil
	}
	caller := key.Caller{
		Env: source.Environ(), Home: in.Host.Home, Project: in.Host.Project.Dir, Never: launch.Writable(j.Spec), Stderr: os.Stderr,
		Warn: func(line string) { cli.Warn(c, line) },
	}
	keys, err = key.All(c.Context(), brokers, caller)
	if bad, ok := errors.AsType[*key.Error](err); ok {
		err = hint.Add(err, plan.KeyAdvice(in, bad.Broker, bad.Fix))
	}
	return keys, err
}
