package main

import (
	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/bundle"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/plan"
)

func newBundle() *cobra.Command {
	var f jailFlags
	var terminal bool
	c := &cobra.Command{
		Use:   "bundle [flags] DIR [-- CMD ARGS]",
		Short: "Write an OCI bundle that runc and crun run as it is",
		Long: `Write the jail as an OCI bundle: DIR/config.json and DIR/rootfs. The rootfs holds
PID 1 of the jail, so that the agent gets the same identity under any runtime.
Without CMD the bundle runs the agent.`,
		Example: `  jailed-claude bundle /tmp/jail && runc run --bundle /tmp/jail my-jail
  jailed-claude bundle --net none /tmp/jail -- bash -c 'id; ls /nix/store'
  jailed-claude bundle --terminal /tmp/jail`,
		RunE: func(c *cobra.Command, args []string) error {
			dir, command, err := afterDash(c, args, 1)
			if err != nil {
				return err
			}
			o := f.options(c)
			o.Command, o.NoAgent, o.Terminal, o.Export = command, len(command) > 0, terminal, true
			in, err := f.plan(c, o)
			if err != nil {
				return err
			}
			j, err := spec.Build(*in)
			if err != nil {
				return err
			}
			if err := plan.Prepare(in); err != nil {
				return err
			}
			if err := bundle.Create(dir[0], j, bundle.Options{Init: in.Host.Executable}); err != nil {
				return err
			}
			say(c, "wrote %s; run it: runc run --bundle %s NAME", dir[0], show.ShellQuote(dir[0]))
			return nil
		},
	}
	f.register(c)
	c.Flags().BoolVar(&terminal, "terminal", false, "give the program a terminal")
	return c
}
