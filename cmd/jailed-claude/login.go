package main

import (
	"errors"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	runtimelogin "github.com/jailed-claude/jailed-claude/runtime/login"
	"github.com/jailed-claude/jailed-claude/spec/kept"
	"github.com/jailed-claude/jailed-claude/spec/login"
)

func newLogin() *cobra.Command {
	var f jailFlags
	c := cli.Command("login [flags] [-- AGENT-ARGS]", "Log in, for this project or for this host", cobra.ArbitraryArgs, func(c *cobra.Command, args []string) error {
		_, agentArgs, err := cli.AfterDash(c, args, 0)
		if err != nil {
			return err
		}
		o := f.options(c)
		o.Args, o.LogIn, o.HostLogin = agentArgs, true, f.host
		return f.start(c, o)
	})
	c.Flags().BoolVar(&f.host, "host", false, "keep the login where the agent on this host has its own, for all projects")
	f.registerStart(c)
	return c
}

func newLogout() *cobra.Command {
	return ofProject("logout", "End the login of this project", func(c *cobra.Command, k kept.State) error {
		err := runtimelogin.Claude(login.KeptIn(k.Project)).Revoke(c.Context(), login.Endpoint())
		if errors.Is(err, fs.ErrNotExist) {
			return hint.Add(login.ErrNoLogin, "jailed-claude status")
		}
		return err
	})
}

func newStatus() *cobra.Command {
	var f jailFlags
	var asJSON bool
	c := cli.Command("status", "Show which login or key each agent uses in this project", cli.AtMost(0), func(c *cobra.Command, _ []string) error {
		uses, warnings, err := kept.Logins(f.options(c))
		cli.Warn(c, warnings...)
		if err == nil && asJSON {
			return cli.PrintJSON(c.OutOrStdout(), uses)
		}
		return errors.Join(err, login.Print(c.OutOrStdout(), uses))
	})
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	f.registerTeam(c)
	return c
}
