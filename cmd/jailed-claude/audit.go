package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	goruntime "runtime"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/runtime/audit"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/suite"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// auditOptions are the flags of audit beside those of every jail.
type auditOptions struct {
	against string
	classes []string
	json    bool
	all     bool
}

func newAudit() *cobra.Command {
	var f jailFlags
	var o auditOptions
	var inside, mark, target string
	c := &cobra.Command{
		Use:   "audit [flags]",
		Short: "Attack your own jail from inside, and say what held",
		Long: `Make the jail that "run" makes, with the same policy, and run an attacker in it
in place of the agent. It tries to read, change, reach and outlive what it must
not, on baits that are laid out before and taken away afterwards. What one that
was killed has made in the project, the next one takes away.

Exit status: 0 if every attack was stopped, 1 if one got through.`,
		Example: `  jailed-claude audit
  jailed-claude audit --net none --all
  jailed-claude audit --json | jq '.[] | select(.result == "GOT THROUGH")'
  jailed-claude audit --against 'bwrap --bind / / --dev /dev --unshare-all'`,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case inside != "":
				return suite.Inside(inside, c.OutOrStdout())
			case target != "":
				return audit.Target(c.InOrStdin(), c.OutOrStdout())
			}
			if _, _, err := afterDash(c, args, 0); err != nil {
				return err
			}
			return f.audit(c, o)
		},
	}
	f.register(c)
	c.Flags().StringVar(&o.against, "against", "", "attack what `COMMAND` makes of the program behind it, in place of a jail of ours")
	c.Flags().StringArrayVar(&o.classes, "class", nil, "make only the attacks of `CLASS`, such as files or \"shared memory and keys\" (repeatable)")
	c.Flags().BoolVar(&o.all, "all", false, "show what was stopped as well")
	c.Flags().BoolVar(&o.json, "json", false, "print a list of objects")
	// What the attacker and its bait are started with.
	c.Flags().StringVar(&inside, "inside", "", "")
	c.Flags().StringVar(&mark, "inside-mark", "", "")
	c.Flags().StringVar(&target, "target", "", "")
	for _, name := range []string{"inside", "inside-mark", "target"} {
		if err := c.Flags().MarkHidden(name); err != nil {
			panic(err) // there is no such flag
		}
	}
	return c
}

func (f *jailFlags) audit(c *cobra.Command, o auditOptions) error {
	// First of all: with it git does not know the repository, nor we the policy.
	if left := audit.Leftovers(f.Dir()); len(left) > 0 {
		say(c, "an earlier audit was killed: removed what its attacks had made: %s", strings.Join(left, " "))
	}
	po := f.options(c)
	po.Command, po.NoAgent = []string{suite.Program}, true
	in, err := f.plan(c, po)
	if err != nil {
		return err
	}
	j, err := spec.Build(*in)
	if err != nil {
		return err
	}
	// A session keyring belongs to a thread.
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	ctx, stop := signal.NotifyContext(c.Context(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT)
	defer stop()
	scene, err := audit.Prepare(promised(in, j.Spec), audit.Options{Self: in.Host.Executable, Getenv: os.Getenv, Classes: o.classes})
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	defer scene.Close()
	bait, err := scene.Bait()
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	argv := append(append([]string{in.Host.Executable, "shell"}, given(c.Flags())...), "--", suite.Program)
	if o.against != "" {
		argv = []string{"/bin/sh", "-c", o.against + ` "$@"`, "sh", in.Host.Executable}
	}
	child := exec.CommandContext(ctx, argv[0], append(argv[1:], "audit", "--inside="+bait)...)
	if o.against != "" {
		child.Dir = in.Host.Project.Dir
	}
	child.Cancel = func() error { return child.Process.Signal(unix.SIGTERM) }
	findings, err := scene.Run(child)
	if err := errors.Join(err, context.Cause(ctx)); err != nil {
		if o.against != "" {
			return hint.Add(fmt.Errorf("audit: %w", err), "the command has to show the program the file "+in.Host.Executable+", and run it with its arguments")
		}
		return fmt.Errorf("audit: %w", err)
	}
	if o.json {
		err = printJSON(c.OutOrStdout(), findings)
	} else {
		err = audit.Print(c.OutOrStdout(), findings, o.all)
	}
	if err != nil {
		return err
	}
	n := audit.Count(findings)
	if n[attack.GotThrough] > 0 {
		return statusError{fmt.Errorf("audit: %d of %d attacks got through", n[attack.GotThrough], len(findings)), 1}
	}
	if n[attack.Failed] > 0 {
		return fmt.Errorf("audit: %d attacks could not be made", n[attack.Failed])
	}
	return nil
}

// given are the flags of the command line that every jail command has.
func given(flags *pflag.FlagSet) []string {
	var args []string
	flags.Visit(func(p *pflag.Flag) {
		if slices.Contains([]string{"against", "class", "json", "all", "inside", "inside-mark", "target"}, p.Name) {
			return
		}
		if s, ok := p.Value.(pflag.SliceValue); ok {
			for _, v := range s.GetSlice() {
				args = append(args, "--"+p.Name+"="+v)
			}
			return
		}
		args = append(args, "--"+p.Name+"="+p.Value.String())
	})
	return args
}

// promised is what the configuration says that the attacker must find.
func promised(in *spec.Input, s *specs.Spec) attack.Facts {
	h := in.Host
	f := attack.Facts{
		Net: in.Policy.Network.Mode, Project: h.Project.Dir, Home: h.Home, RuntimeDir: h.RuntimeDir,
		ReadOnly: in.Policy.Files.Project == policy.ProjectRO, Nesting: contract.Nesting(s),
		NixDaemon: in.Policy.Nix.Daemon == policy.DaemonAuto, Memory: in.Policy.Limits.Memory, Pids: in.Policy.Limits.Pids,
	}
	inProject := func(p string) bool { return strings.HasPrefix(p, h.Project.Dir+"/") }
	for _, m := range s.Mounts {
		if m.Type != "bind" {
			continue
		}
		f.Granted = append(f.Granted, m.Source)
		if inProject(m.Destination) && slices.Contains(m.Options, "ro") && !f.ReadOnly {
			f.Protected = append(f.Protected, m.Destination)
		}
	}
	for _, p := range s.Linux.MaskedPaths {
		if inProject(p) {
			f.Hidden = append(f.Hidden, p)
		}
	}
	return f
}
