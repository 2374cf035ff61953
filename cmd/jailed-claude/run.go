package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/runtime"
	"github.com/jailed-claude/jailed-claude/runtime/cgroup"
	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/runtime/inspect"
	"github.com/jailed-claude/jailed-claude/runtime/key"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/sessionlog"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/claude"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/plan"
)

func newRun() *cobra.Command {
	var f jailFlags
	c := &cobra.Command{
		Use:   "run [flags] [-- AGENT-ARGS]",
		Short: "Run the agent, jailed in the current folder",
		Long: `Run Claude Code with access to the current folder, its own programs and its own
configuration, and to nothing else of this machine.`,
		Example: `  jailed-claude run
  jailed-claude run -- -p "explain this project"
  jailed-claude run --net filtered --allow @claude --allow github.com
  jailed-claude run --net none --read ~/notes --port 3000
  jailed-claude run --strict --require seccomp,userns -- -p "review this branch"
  jailed-claude run --login copy                 # with the host's login
  jailed-claude run --package nixpkgs#claude-code`,
		RunE: func(c *cobra.Command, args []string) error {
			_, agentArgs, err := afterDash(c, args, 0)
			if err != nil {
				return err
			}
			o := f.options(c)
			o.Args = agentArgs
			return f.start(c, o)
		},
	}
	f.register(c)
	f.registerStart(c)
	return c
}

// registerStart adds the flags of what starts a jail.
func (f *jailFlags) registerStart(c *cobra.Command) {
	c.Flags().StringVar(&f.login, "login", plan.LoginNone, "the login of a private configuration: none, or copy the host's")
	c.Flags().BoolVar(&f.strict, "strict", false, "end the jail at once when a file appears in it that the host would execute or trust")
	c.Flags().StringSliceVar(&f.require, "require", nil, "refuse to start unless these hold: "+strings.Join(inspect.Protections, ","))
}

// start plans a jail and becomes its supervisor.
func (f *jailFlags) start(c *cobra.Command, o plan.Options) error {
	for _, r := range f.require {
		if !slices.Contains(inspect.Protections, r) {
			return hint.Add(fmt.Errorf("--require %q is not known", r), "use some of "+strings.Join(inspect.Protections, ", "))
		}
	}
	o.Terminal = anyTerminal()
	in, err := f.plan(c, o)
	if err != nil {
		return err
	}
	if len(in.Command) == 0 && o.NoAgent {
		if in.Command = shellOf(in); in.Command == nil {
			return hint.Add(errors.New("there is no shell in this jail"), "name a program: jailed-claude shell -- PROGRAM")
		}
	}
	if err := plan.CheckLogin(in, f.login); err != nil {
		return err
	}
	if err := plan.Hold(in); err != nil {
		return err
	}
	j, err := spec.Build(*in)
	if err := fault.After(fault.Built, err); err != nil {
		return err
	}
	if err := fault.After(fault.Prepared, plan.Prepare(in)); err != nil {
		return err
	}
	seeded, err := plan.Seed(in, j, f.login)
	warn(c, seeded.Warnings...)
	if err := fault.After(fault.Seeded, err); err != nil {
		return err
	}
	terminal := isTerminal(os.Stderr)
	tellSeeded(c, seeded, terminal)
	if in.Host.NixTrusted {
		warn(c, "the Nix daemon trusts you, so with its socket the jail can become root on this host")
	}
	if terminal && len(in.Command) == 0 && plan.KeptOut(in, j) {
		say(c, "ANTHROPIC_API_KEY stays outside, and with the network of the host the agent has no use of it; to hand it over: --env ANTHROPIC_API_KEY")
	}
	id := make([]byte, 6)
	if _, err := rand.Read(id); err != nil {
		return fmt.Errorf("make an ID: %w", err)
	}
	keys, roots, err := brokerKeys(c, in, j)
	if err := fault.After(fault.Keys, err); err != nil {
		return err
	}
	ro := runtime.Options{Cache: filepath.Join(host.CacheDir(), "seccomp"), Warn: func(err error) { logrus.Warn(err) }}
	ro.ID = hex.EncodeToString(id)
	if r := j.Spec.Linux.Resources; r != nil {
		ro.Cgroup, err = cgroup.Prepare(c.Context(), cgroup.Options{ID: ro.ID, Limits: r, Supervisor: launch.PID(), Alone: launch.EndAhead})
		if err != nil {
			return err
		}
	}
	ro.Keys, ro.Roots = keys, roots
	ro.Summary = terminal
	ro.Require, ro.Strict = f.require, f.strict
	ro.LogLevel = logrus.GetLevel().String()
	if _, json := logrus.StandardLogger().Formatter.(*logrus.JSONFormatter); json {
		ro.LogFormat = "json"
	}
	if _, ok := j.Spec.Annotations[contract.NetworkAnnotation]; ok {
		if ro.Log, err = sessionlog.In(host.StateDir()).Create(ro.ID, in.Host.Project.Dir); err != nil {
			return err
		}
	}
	if err := fault.At(fault.Log); err != nil {
		return err
	}
	return runtime.Run(j, ro)
}

// tellSeeded tells what a first run got of the host's configuration.
func tellSeeded(c *cobra.Command, r *claude.Report, terminal bool) {
	if len(r.Seeded) > 0 && terminal {
		say(c, "first run: the agent's configuration begins with the host's %s", claude.VisibleLine(strings.Join(r.Seeded, ", ")))
	}
	if r.Login {
		say(c, "the login was copied: the agent can use it and send it away, and refresh tokens rotate,")
		say(c, "so the two copies will log each other out; /login inside gives the jail one of its own")
	}
}

// brokerKeys reads the keys of a jail's brokers, by their names, and the
// certificates that the services are verified with. Nothing of it gets into the
// configuration of the jail.
func brokerKeys(c *cobra.Command, in *spec.Input, j *contract.Jail) (keys map[string]string, roots []byte, err error) {
	brokers, err := plan.Brokers(j)
	if err != nil || len(brokers) == 0 {
		return nil, nil, err
	}
	caller := key.Caller{
		Env: host.Environ(), Home: in.Host.Home, Project: in.Host.Project.Dir, Stderr: os.Stderr,
		Warn: func(line string) { warn(c, line) },
	}
	keys, err = key.All(c.Context(), brokers, caller)
	var bad *key.Error
	switch {
	case errors.As(err, &bad) && in.Policy.Origins["broker="+bad.Broker] == "":
		// Nobody wrote it: it is there for the variable.
		return nil, nil, hint.Add(err, "to start without a use of that key: agent.key = \"none\" in your policy")
	case errors.As(err, &bad):
		return nil, nil, hint.Add(err, bad.Fix)
	case err != nil:
		return nil, nil, err
	}
	roots, err = plan.Roots(in)
	return keys, roots, err
}
