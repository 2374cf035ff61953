package main

import (
	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/bundle"
	"github.com/jailed-claude/jailed-claude/spec"
)

func newSpec() *cobra.Command {
	var f jailFlags
	var terminal bool
	c := &cobra.Command{
		Use:   "spec [flags] [-- AGENT-ARGS]",
		Short: "Print the config.json of the jail",
		Long: `Print the OCI runtime configuration that "run" would use here. It is the whole
contract: nothing is granted that is not in it.`,
		Example: `  jailed-claude spec
  jailed-claude spec | jq .mounts
  jailed-claude spec --net none > config.json`,
		RunE: func(c *cobra.Command, args []string) error {
			_, agentArgs, err := afterDash(c, args, 0)
			if err != nil {
				return err
			}
			in, err := f.plan(c.Context(), c, wanted{args: agentArgs, terminal: terminal})
			if err != nil {
				return err
			}
			j, err := spec.Build(*in)
			if err != nil {
				return err
			}
			text, err := bundle.Marshal(j.Spec)
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		},
	}
	f.register(c)
	c.Flags().BoolVar(&terminal, "terminal", false, "as it is when run on a terminal")
	return c
}
