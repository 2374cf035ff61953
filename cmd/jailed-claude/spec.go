package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/bundle"
	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/spec/plan"
)

func newSpec() *cobra.Command {
	var f jailFlags
	var terminal, portable bool
	c := cli.Command("spec [flags] [-- AGENT-ARGS]", "Print the config.json of the jail", cobra.ArbitraryArgs, func(c *cobra.Command, args []string) error {
		_, agentArgs, err := cli.AfterDash(c, args, 0)
		if err != nil {
			return err
		}
		if portable {
			if len(agentArgs) > 0 || terminal {
				return hint.Add(errors.New("--portable does not depend on what runs in the jail"), "leave out --terminal and what follows --")
			}
			text, warnings, err := plan.Portable(c.Context(), f.options(c))
			cli.Warn(c, warnings...)
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		}
		o := f.options(c)
		o.Args, o.Terminal, o.Look = agentArgs, terminal, true
		j, _, err := f.build(c, o)
		if err != nil {
			return err
		}
		text, err := bundle.Marshal(j.Spec)
		if err != nil {
			return err
		}
		_, err = c.OutOrStdout().Write(text)
		return err
	})
	c.Flags().BoolVar(&terminal, "terminal", false, "print it as for a run on a terminal")
	c.Flags().BoolVar(&portable, "portable", false, "print only what the project decides, the same on every host")
	f.register(c)
	return c
}
