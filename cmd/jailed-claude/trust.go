package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/internal/ask"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/plan"
	"github.com/jailed-claude/jailed-claude/spec/trust"
)

func newTrust() *cobra.Command {
	var yes, revoke, list, asJSON bool
	c := cli.Command("trust [flags] [DIR]", "Approve the policy and the lock of a project", cli.AtMost(1), func(c *cobra.Command, args []string) error {
		dir, approve := ".", "jailed-claude trust --yes"
		if len(args) > 0 {
			dir = args[0]
			approve += " " + show.ShellQuote(dir)
		}
		switch {
		case asJSON && !list:
			return hint.Add(errors.New("--json needs --list"), c.CommandPath()+" --help")
		case list && len(args) > 0:
			return hint.Add(errors.New("--list shows all projects and takes no DIR"), c.CommandPath()+" --help")
		case list:
			return listTrust(c, asJSON)
		case revoke:
			return revokeTrust(c, dir)
		}
		questions, warnings, failed := plan.Questions(dir)
		cli.Warn(c, warnings...)
		terminal := cli.Asker(c)
		for _, q := range questions {
			if err := answer(c, q, terminal, yes, approve); err != nil {
				return err
			}
		}
		return failed
	})
	c.Flags().BoolVar(&yes, "yes", false, "approve without asking")
	c.Flags().BoolVar(&revoke, "revoke", false, "withdraw every approval of the project's policy and lock")
	c.Flags().BoolVar(&list, "list", false, "list what is approved")
	c.Flags().BoolVar(&asJSON, "json", false, "with --list: print JSON")
	c.MarkFlagsMutuallyExclusive("yes", "revoke", "list")
	return c
}

// answer shows a file, and approves it if the user wants that; command is what
// approves it without a question.
func answer(c *cobra.Command, q plan.Question, terminal func(string) string, yes bool, command string) error {
	fmt.Fprintf(c.OutOrStdout(), "%s\nsha256 %s\n", show.Visible(q.File.Path), q.File.Digest)
	for _, line := range q.Lines {
		fmt.Fprintln(c.OutOrStdout(), line)
	}
	switch {
	case q.Harmless:
		cli.Say(c, "the policy grants nothing beyond your own policy, and needs no approval")
		return nil
	case q.Approved:
		cli.Say(c, "the %s is already approved", q.What)
		return nil
	case !yes && terminal == nil:
		return hint.Add(ask.ErrNobody, "read the "+q.What+", then approve it: "+command)
	case !yes && !ask.Yes(terminal(q.Ask)):
		return errors.New("not approved")
	}
	if err := plan.TrustStore(nil).Approve(q.File, time.Now()); err != nil {
		return err
	}
	cli.Say(c, "the %s is approved, until it changes", q.What)
	return nil
}

func revokeTrust(c *cobra.Command, dir string) error {
	file, n, warnings, err := plan.Revoke(dir)
	cli.Warn(c, warnings...)
	if err != nil {
		return err
	}
	if n == 0 {
		return hint.Add(fmt.Errorf("%q is not approved", file), "to see what is approved: jailed-claude trust --list")
	}
	cli.Say(c, "withdrew %d approval(s) for %q", n, file)
	return nil
}

func listTrust(c *cobra.Command, asJSON bool) error {
	list, warnings, err := plan.Approvals()
	cli.Warn(c, warnings...)
	if err != nil {
		return err
	}
	if asJSON {
		return cli.PrintJSON(c.OutOrStdout(), list)
	}
	if len(list) == 0 {
		cli.Say(c, "nothing is approved")
		return nil
	}
	return trust.Print(c.OutOrStdout(), list)
}
