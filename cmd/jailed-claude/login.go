package main

import (
	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
)

func newLogin() *cobra.Command {
	var f jailFlags
	c := cli.Command("login [flags] [-- AGENT-ARGS]", "Log in, for this project or for this host", cobra.ArbitraryArgs, func(c *cobra.Command, args []string) error {
		_, agentArgs, err := cli.AfterDash(c, args, 0)
		if err != nil {
			return err
		}
		o := f.options(c)
		o.Args, o.LogIn = agentArgs, true
		return f.start(c, o)
	})
	c.Flags().BoolVar(&f.HostLogin, "host", false, "keep the login where the agent on this host has its own, for all projects")
	f.registerStart(c)
	return c
}
