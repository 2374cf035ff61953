package main

import (
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/sessionlog"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/trust"
)

func newLog() *cobra.Command {
	var o sessionlog.Options
	var follow bool
	c := command("log [flags] [ID]", "Show what a jail reached over the network", atMost(1), func(c *cobra.Command, args []string) error {
		s, err := chosenSession(args)
		if err != nil {
			return err
		}
		if follow {
			o.Running = running
		}
		return s.Show(c.OutOrStdout(), o)
	})
	c.Flags().BoolVar(&o.Denied, "denied", false, "show only what was refused")
	c.Flags().BoolVar(&follow, "follow", false, "wait for more until the jail ends")
	c.Flags().BoolVar(&o.JSON, "json", false, "print JSON, one object a line")
	return c
}

// chosenSession is the one that was named, or the newest of this folder.
func chosenSession(args []string) (sessionlog.Session, error) {
	logs := sessionlog.In(host.StateDir())
	if len(args) > 0 {
		return logs.Find(args[0])
	}
	file, err := trust.Path("")
	if err != nil {
		return sessionlog.Session{}, err
	}
	return logs.Newest(filepath.Dir(file))
}

func running(id string) bool {
	jails, err := launch.List()
	return err == nil && slices.ContainsFunc(jails, func(j launch.Running) bool { return j.ID == id })
}
