package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/bundle"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/plan"
)

func newSpec() *cobra.Command {
	var f jailFlags
	var terminal, portable bool
	c := &cobra.Command{
		Use:   "spec [flags] [-- AGENT-ARGS]",
		Short: "Print the config.json of the jail",
		Long: `Print the OCI runtime configuration that "run" would use here. It is the whole
contract: nothing is granted that is not in it.

With --portable: what the project decides, without this host and without your
own policy, as canonical JSON on one line. ${PROJECT}, ${HOME}, ${UID} and the
like stand for values of the host, and "portable" has what is not in a
config.json. The same policy and packages give the same bytes for everyone,
everywhere; their SHA-256 is the "spec" of a lock.`,
		Example: `  jailed-claude spec
  jailed-claude spec | jq .mounts
  jailed-claude spec --net none > config.json
  jailed-claude spec --portable | sha256sum`,
		RunE: func(c *cobra.Command, args []string) error {
			_, agentArgs, err := afterDash(c, args, 0)
			if err != nil {
				return err
			}
			if portable {
				if len(agentArgs) > 0 || terminal {
					return hint.Add(errors.New("--portable is about the jail, whatever runs in it"), "leave out --terminal and what follows --")
				}
				text, warnings, err := plan.Portable(c.Context(), f.options(c))
				warn(c, warnings...)
				if err != nil {
					return err
				}
				_, err = c.OutOrStdout().Write(text)
				return err
			}
			o := f.options(c)
			o.Args, o.Terminal, o.Look = agentArgs, terminal, true
			in, err := f.plan(c, o)
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
	c.Flags().BoolVar(&portable, "portable", false, "what the project decides, the same on every host")
	return c
}
