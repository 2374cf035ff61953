package main

import (
	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/sessionlog"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/plan"
)

func newLog() *cobra.Command {
	var o sessionlog.Options
	var follow bool
	c := cli.Command("log [flags] [ID]", "Show what a jail reached over the network", cli.AtMost(1), func(c *cobra.Command, args []string) error {
		logs := sessionlog.In(host.StateDir())
		find := func() (sessionlog.Session, error) { return logs.Newest((&plan.Options{}).Dir()) }
		if len(args) > 0 {
			find = func() (sessionlog.Session, error) { return logs.Find(args[0]) }
		}
		s, err := find()
		if err != nil {
			return err
		}
		if follow {
			o.Running = launch.IsRunning
		}
		return s.Show(c.OutOrStdout(), o)
	})
	c.Flags().BoolVar(&o.Denied, "denied", false, "show only what was refused")
	c.Flags().BoolVar(&follow, "follow", false, "wait for more until the jail ends")
	c.Flags().BoolVar(&o.JSON, "json", false, "print JSON, one object a line")
	return c
}
