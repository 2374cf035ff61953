package running

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/runtime/session"
	"github.com/jailed-claude/jailed-claude/runtime/session/table"
)

func newList() *cobra.Command {
	var asJSON, watch bool
	c := cli.Command("list", "List your running jails", cli.AtMost(0), func(c *cobra.Command, _ []string) error {
		if watch {
			return table.Watch(os.Stdin, os.Stdout)
		}
		jails, unread, err := session.Everything(words())
		if err != nil {
			return err
		}
		for _, id := range unread {
			cli.Say(c, "jail %s has ended and left a message: jailed-claude logs %s", id, id)
		}
		if asJSON {
			return cli.PrintJSON(c.OutOrStdout(), jails)
		}
		if len(jails) == 0 {
			cli.Say(c, "no jail of yours is running")
			return nil
		}
		return session.Print(c.OutOrStdout(), jails)
	})
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&watch, "watch", false, "show a table that follows them, from which one attaches, stops, allows, and reviews")
	c.MarkFlagsMutuallyExclusive("json", "watch")
	return c
}
