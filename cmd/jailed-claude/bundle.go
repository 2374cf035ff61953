package main

import (
	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/bundle"
	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/spec/plan"
)

func newBundle() *cobra.Command {
	var f jailFlags
	var terminal bool
	c := cli.Command("bundle [flags] DIR [-- CMD ARGS]", "Write an OCI bundle for runc, crun and other runtimes", cobra.ArbitraryArgs, func(c *cobra.Command, args []string) error {
		dir, command, err := cli.AfterDash(c, args, 1)
		if err != nil {
			return err
		}
		o := f.options(c)
		o.Command, o.NoAgent, o.Terminal, o.Export = command, len(command) > 0, terminal, true
		j, in, err := f.build(c, o)
		if err != nil {
			return err
		}
		warnings, err := plan.Prepare(in, j, launch.Busy)
		cli.Warn(c, warnings...)
		if err != nil {
			return err
		}
		if err := bundle.Create(dir[0], j, bundle.Options{Init: in.Host.Executable}); err != nil {
			return err
		}
		cli.Say(c, "wrote %s; run it: runc run --bundle %s NAME", dir[0], show.ShellQuote(dir[0]))
		return nil
	})
	c.Flags().BoolVar(&terminal, "terminal", false, "give the program a terminal")
	f.register(c)
	return c
}
