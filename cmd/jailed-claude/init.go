package main

import (
	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/spec/plan/starting"
)

func newInit() *cobra.Command {
	var user bool
	c := cli.Command("init", "Write a commented starter policy", cli.AtMost(0), func(c *cobra.Command, _ []string) error {
		file, err := starting.Write(user)
		if err != nil {
			return err
		}
		cli.Say(c, "wrote %s", file)
		return nil
	})
	c.Flags().BoolVar(&user, "user", false, "write your own policy instead of the project's")
	return c
}
