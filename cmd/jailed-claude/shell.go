package main

import (
	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/spec"
)

func newShell() *cobra.Command {
	var f jailFlags
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
			o := f.options(c)
			o.Command, o.NoAgent = command, true
			return f.start(c, o)
		},
	}
	f.register(c)
	f.registerStart(c)
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
