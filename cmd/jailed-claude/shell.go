package main

import (
	"github.com/spf13/cobra"
)

func newShell() *cobra.Command {
	var f jailFlags
	c := command("shell [flags] [-- CMD ARGS]", "Run a shell or a command in the same jail", cobra.ArbitraryArgs, func(c *cobra.Command, args []string) error {
		_, command, err := afterDash(c, args, 0)
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
