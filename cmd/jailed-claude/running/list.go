package running

import (
	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/runtime/session"
)

func newList() *cobra.Command {
	var asJSON bool
	c := cli.Command("list", "List your running jails", cli.AtMost(0), func(c *cobra.Command, _ []string) error {
		jails, err := session.List()
		if err != nil {
			return err
		}
		unread, err := words().Unread()
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
	return c
}
