package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/bundle"
	"github.com/jailed-claude/jailed-claude/spec"
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
			in, err := f.plan(c.Context(), c, wanted{command: command, noAgent: len(command) > 0, terminal: terminal, export: true})
			if err != nil {
				return err
			}
			j, err := spec.Build(*in)
			if err != nil {
				return err
			}
			if err := prepare(in); err != nil {
				return err
			}
			if err := bundle.Create(dir[0], j, bundle.Options{Init: in.Host.Executable}); err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "jailed-claude: wrote %s; run it: runc run --bundle %s NAME\n", dir[0], shellQuote(dir[0]))
			return nil
		},
	}
	f.register(c)
	c.Flags().BoolVar(&terminal, "terminal", false, "give the program a terminal")
	return c
}
