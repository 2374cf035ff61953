package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/internal/show"
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
		t := tabwriter.NewWriter(c.OutOrStdout(), 0, 4, 2, ' ', 0)
		fmt.Fprintln(t, "ID\tPID\tFOR\tPROJECT")
		for _, j := range jails {
			fmt.Fprintf(t, "%s\t%d\t%s\t%s\n", j.ID, j.PID, time.Since(j.Started).Round(time.Second), show.Visible(j.Project))
		}
		return t.Flush()
	})
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
