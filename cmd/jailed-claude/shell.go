package main

import (
	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/spec"
)

func newShell() *cobra.Command {
	var f jailFlags
	var require []string
	c := &cobra.Command{
		Use:   "shell [flags] [-- CMD ARGS]",
		Short: "Run a shell or a command in the very same jail",
		Long: `Make the jail that "run" makes, and run a shell in it in place of the agent, or a
command of yours: to see what the agent would see.`,
		Example: `  jailed-claude shell
  jailed-claude shell -- ls -la ~
  jailed-claude shell --net none -- make test`,
		RunE: func(c *cobra.Command, args []string) error {
			_, command, err := afterDash(c, args, 0)
			if err != nil {
				return err
			}
			return f.start(c, wanted{command: command, noAgent: true, terminal: anyTerminal()}, require)
		},
	}
	f.register(c)
	f.registerStart(c, &require)
	return c
}

// shellOf is the shell of a jail, nil if there is none.
func shellOf(in *spec.Input) []string {
	for _, sh := range []string{in.Closure.Bash, in.Closure.Shell} {
		if sh != "" {
			return []string{sh}
		}
	}
	return nil
}
