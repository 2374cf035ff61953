package main

import (
	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
)

func newShell() *cobra.Command {
	var f jailFlags
	c := cli.Command("shell [flags] [-- CMD ARGS]", "Run a shell or a command in the same jail", cobra.ArbitraryArgs, func(c *cobra.Command, args []string) error {
		_, command, err := cli.AfterDash(c, args, 0)
		if err != nil {
			return err
		}
		o := f.options(c)
		o.Command, o.NoAgent = command, true
		return f.start(c, o)
	})
	f.registerStart(c)
	return c
}
