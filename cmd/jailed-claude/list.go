package main

import (
	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/runtime/launch"
)

func newList() *cobra.Command {
	var asJSON bool
	c := command("list", "List your running jails", atMost(0), func(c *cobra.Command, _ []string) error {
		jails, err := launch.List()
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(c.OutOrStdout(), jails)
		}
		if len(jails) == 0 {
			say(c, "no jail of yours is running")
			return nil
		}
		return launch.Print(c.OutOrStdout(), jails)
	})
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
