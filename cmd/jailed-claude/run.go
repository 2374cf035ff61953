package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/runtime"
	"github.com/jailed-claude/jailed-claude/runtime/cgroup"
	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/runtime/inspect"
	"github.com/jailed-claude/jailed-claude/runtime/supervisor"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

func newRun() *cobra.Command {
	var f jailFlags
	var require []string
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
			return f.start(c, wanted{args: agentArgs, terminal: anyTerminal()}, require)
		},
	}
	f.register(c)
	f.registerStart(c, &require)
	return c
}

// registerStart adds the flags of what starts a jail.
func (f *jailFlags) registerStart(c *cobra.Command, require *[]string) {
	c.Flags().StringVar(&f.login, "login", loginNone, "the login of a private configuration: none, or copy the host's")
	c.Flags().BoolVar(&f.strict, "strict", false, "end the jail at once when a file appears in it that the host would execute or trust")
	c.Flags().StringSliceVar(require, "require", nil, "refuse to start unless these hold: "+strings.Join(inspect.Protections, ","))
}

// start plans a jail and becomes its supervisor.
func (f *jailFlags) start(c *cobra.Command, w wanted, require []string) error {
	for _, r := range require {
		if !slices.Contains(inspect.Protections, r) {
			return hint(fmt.Errorf("--require %q is not known", r), "use some of "+strings.Join(inspect.Protections, ", "))
		}
	}
	in, err := f.plan(c.Context(), c, w)
	if err != nil {
		return err
	}
	if len(in.Command) == 0 && w.noAgent {
		if in.Command = shellOf(in); in.Command == nil {
			return hint(fmt.Errorf("there is no shell in this jail"), "name a program: jailed-claude shell -- PROGRAM")
		}
	}
	if err := checkLogin(f.login, in.Policy.Agent.Config); err != nil {
		return err
	}
	if in.Policy.Agent.Config == policy.ConfigShared {
		if err := hold(&in.Host.ClaudeShared); err != nil {
			return err
		}
	}
	j, err := spec.Build(*in)
	if err := fault.After(fault.Built, err); err != nil {
		return err
	}
	if err := fault.After(fault.Prepared, prepare(in)); err != nil {
		return err
	}
	if err := fault.After(fault.Seeded, seed(c, in, j, f.login)); err != nil {
		return err
	}
	if in.Host.NixTrusted {
		fmt.Fprintln(os.Stderr, "jailed-claude: warning: the Nix daemon trusts you, so with its socket the jail can become root on this host")
	}
	terminal := isTerminal(os.Stderr)
	if terminal && len(in.Command) == 0 && keptOut(in, j) {
		fmt.Fprintln(os.Stderr, "jailed-claude: ANTHROPIC_API_KEY stays outside, and with the network of the host the agent has no use of it; to hand it over: --env ANTHROPIC_API_KEY")
	}
	id := make([]byte, 6)
	if _, err := rand.Read(id); err != nil {
		return fmt.Errorf("make an ID: %w", err)
	}
	keys, roots, err := brokerKeys(c, in, j)
	if err := fault.After(fault.Keys, err); err != nil {
		return err
	}
	o := runtime.Options{Cache: filepath.Join(cacheDir(), "seccomp"), Warn: func(err error) { logrus.Warn(err) }}
	o.ID = hex.EncodeToString(id)
	if o.Cgroup, err = limited(c.Context(), o.ID, j.Spec.Linux.Resources); err != nil {
		return err
	}
	o.Keys, o.Roots = keys, roots
	o.Summary = terminal
	o.Require = require
	o.Strict = f.strict
	o.LogLevel = logrus.GetLevel().String()
	if _, json := logrus.StandardLogger().Formatter.(*logrus.JSONFormatter); json {
		o.LogFormat = "json"
	}
	if _, ok := j.Spec.Annotations[contract.NetworkAnnotation]; ok {
		if o.Log, err = openLog(o.ID, in.Host.Project.Dir); err != nil {
			return err
		}
	}
	if err := fault.At(fault.Log); err != nil {
		return err
	}
	return runtime.Run(j, o)
}

// keptOut: the caller's key stays outside, and there is no broker for it
// although the policy wants one.
func keptOut(in *spec.Input, j *contract.Jail) bool {
	return in.Policy.Agent.Key == policy.KeyAuto && in.Policy.Network.Mode == policy.NetHost && in.Host.Env[keyVariable] != "" &&
		!slices.ContainsFunc(j.Spec.Process.Env, func(e string) bool { return strings.HasPrefix(e, keyVariable+"=") })
}

// limited makes the cgroup for the limits of a configuration, if it has any.
func limited(ctx context.Context, id string, r *specs.LinuxResources) (dir string, err error) {
	if r == nil {
		return "", nil
	}
	dir, err = cgroup.Prepare(ctx, cgroup.Options{ID: id, Limits: r, Supervisor: supervisor.PID(), Alone: supervisor.EndAhead})
	var d *cgroup.DelegationError
	if errors.As(err, &d) {
		return "", hint(err, append(d.Fix, "or run without these limits")...)
	}
	return dir, err
}
