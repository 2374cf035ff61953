package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jailed-claude/jailed-claude/bundle/layer"
	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/runtime/audit"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/suite"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// auditOptions are the flags of audit beside those of every jail.
type auditOptions struct {
	against string
	classes []string
	json    bool
	all     bool
	exec    bool
}

func newAudit() *cobra.Command {
	var f jailFlags
	var o auditOptions
	var inside, mark, target string
	var further bool
	c := cli.Command("audit [flags]", "Attack your own jail from inside, and show what got through", cobra.ArbitraryArgs, func(c *cobra.Command, args []string) error {
		switch {
		case inside != "":
			return suite.Inside(inside, c.OutOrStdout())
		case target != "":
			return audit.Target(c.InOrStdin(), c.OutOrStdout())
		case further:
			return audit.Further(args)
		}
		if _, _, err := cli.AfterDash(c, args, 0); err != nil {
			return err
		}
		return f.audit(c, o)
	})
	c.Flags().StringVar(&o.against, "against", "", "attack what the shell `COMMAND` makes of the program after it, instead of a jail")
	f.registerRuntime(c)
	c.Flags().StringArrayVar(&o.classes, "class", nil, "run only the attacks of `CLASS`, such as files or \"shared memory and keys\", or one by its name (repeatable)")
	c.Flags().BoolVar(&o.exec, "exec", false, "attack from a further program of the jail, as \"exec\" starts one, in place of the first")
	c.Flags().BoolVar(&o.all, "all", false, "show the attacks that were stopped too")
	c.Flags().BoolVar(&o.json, "json", false, "print JSON")
	// What the attacker and its bait are started with.
	for name, value := range map[string]*string{"inside": &inside, "inside-mark": &mark, "target": &target} {
		c.Flags().StringVar(value, name, "", "")
		c.Flags().Lookup(name).Hidden = true
	}
	c.Flags().BoolVar(&further, "further", false, "")
	c.Flags().Lookup("further").Hidden = true
	f.register(c)
	c.MarkFlagsMutuallyExclusive("against", "runtime")
	c.MarkFlagsMutuallyExclusive("against", "exec")
	return c
}

func (f *jailFlags) audit(c *cobra.Command, o auditOptions) error {
	po := f.options(c)
	if err := po.One("audit"); err != nil {
		return err
	}
	// First of all: with it git does not know the repository, nor we the policy.
	if left := audit.Leftovers(po.Dir()); len(left) > 0 {
		cli.Say(c, "an earlier audit was killed; removed what it had left: %s", strings.Join(left, " "))
	}
	po.Command, po.NoAgent = []string{suite.Program}, true
	j, in, err := f.build(c, po)
	if err != nil {
		return err
	}
	if in.Policy.Files.Project == policy.ProjectOverlay {
		drop, err := layer.Borrow(layer.Dir(in.Host.Project.Layer), in.Host.Project.Review)
		if err != nil {
			return err
		}
		defer func() { _ = drop() }()
	}
	flags := given(c.Flags())
	jail := func(project, policy string) []string {
		argv := append([]string{in.Host.Executable, "shell", "--project=" + project}, flags...)
		if o.exec {
			argv = append([]string{in.Host.Executable, "audit", "--further", "--"}, argv...)
		}
		if policy != "" {
			argv = append(argv, "--policy="+policy)
		}
		return append(argv, "--", suite.Program)
	}
	findings, err := audit.Do(c.Context(), in.Host.Executable, promised(in, j.Spec), audit.Attacked{Jail: jail, Against: o.against, Only: o.classes})
	if err != nil {
		return err
	}
	if o.json {
		err = cli.PrintJSON(c.OutOrStdout(), findings)
	} else {
		err = audit.Print(c.OutOrStdout(), findings, o.all)
	}
	if err != nil {
		return err
	}
	n := audit.Count(findings)
	if n[attack.GotThrough] > 0 {
		return cli.StatusError{Err: fmt.Errorf("audit: %d of %d attacks got through", n[attack.GotThrough], len(findings)), Status: 1}
	}
	if n[attack.Failed] > 0 {
		return fmt.Errorf("audit: %d attacks could not be run", n[attack.Failed])
	}
	return nil
}

// given are the flags of the command line that every jail command has, but for the
// project.
func given(flags *pflag.FlagSet) []string {
	var args []string
	flags.Visit(func(p *pflag.Flag) {
		if slices.Contains([]string{"project", "against", "class", "json", "all", "exec", "inside", "inside-mark", "target"}, p.Name) {
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
	h, b := in.Host, in.Policy.Bridges
	f := attack.Facts{
		Net: in.Policy.Network.Mode, Project: h.Project.Dir, Home: h.Home, RuntimeDir: h.RuntimeDir, State: h.StateDir,
		ReadOnly: in.Policy.Files.Project == policy.ProjectRO, Layer: in.Policy.Files.Project == policy.ProjectOverlay, Nesting: contract.Nesting(s),
		Hides: in.Policy.Files.Hide, NixDaemon: in.Policy.Nix.Daemon == policy.DaemonAuto, Memory: in.Policy.Limits.Memory, Pids: in.Policy.Limits.Pids,
		Clipboard: b.Clipboard == network.BridgeImages, IDE: b.IDE == network.IDEContext || b.IDE == network.IDEDiffs,
	}
	audit.See(&f, s)
	return f
}
