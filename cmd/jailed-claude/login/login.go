package login

import (
	"errors"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/runtime/login"
	"github.com/jailed-claude/jailed-claude/spec/kept"
	choice "github.com/jailed-claude/jailed-claude/spec/login"
	"github.com/jailed-claude/jailed-claude/spec/plan"
)

// of registers the flags that say which project.
func of(c *cobra.Command, o *plan.Options) *cobra.Command {
	c.Flags().StringVar(&o.Project, "project", "", "the project `DIR` (default: the current folder)")
	return c
}

// Logout is "logout".
func Logout() *cobra.Command {
	var o plan.Options
	return of(cli.Command("logout", "End the login of this project", cli.AtMost(0), func(c *cobra.Command, _ []string) error {
		k, err := kept.For(o.Project, "")
		if err == nil {
			err = login.Claude(choice.KeptIn(k.Project)).Revoke(c.Context(), choice.Endpoint())
		}
		if errors.Is(err, fs.ErrNotExist) {
			return hint.Add(choice.ErrNoLogin, "jailed-claude status")
		}
		return err
	}), &o)
}

// Status is "status".
func Status() *cobra.Command {
	var o plan.Options
	var asJSON bool
	c := of(cli.Command("status", "Show which login or key each agent uses in this project", cli.AtMost(0), func(c *cobra.Command, _ []string) error {
		uses, warnings, err := kept.Logins(o)
		cli.Warn(c, warnings...)
		if err == nil && asJSON {
			return cli.PrintJSON(c.OutOrStdout(), uses)
		}
		return errors.Join(err, choice.Print(c.OutOrStdout(), uses))
	}), &o)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringVar(&o.Policy, "policy", "", "use the policy `FILE` instead of the project's; \"none\" for no policy")
	return c
}
