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
	c := &cobra.Command{
		Use:   "log [flags] [ID]",
		Short: "Show what a jail reached over the network, and what it was refused",
		Long: `Show the decisions about a jail's network, one a line: names that were looked up,
connections, requests to brokers. Without ID it is the newest session of this
folder; with the beginning of an ID, that session. The logs of at least the newest 100
sessions are kept, in ` + "$XDG_STATE_HOME/jailed-claude/log" + `.`,
		Example: `  jailed-claude log                      # the newest session in this folder
  jailed-claude log --denied             # what was refused, and why
  jailed-claude log --follow 3f9c
  jailed-claude log --json | jq 'select(.kind == "tcp") | .name'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := chosenSession(args)
			if err != nil {
				return err
			}
			if follow {
				o.Running = running
			}
			return s.Show(c.OutOrStdout(), o)
		},
	}
	c.Flags().BoolVar(&o.Denied, "denied", false, "only what was refused")
	c.Flags().BoolVar(&follow, "follow", false, "go on until the jail ends")
	c.Flags().BoolVar(&o.JSON, "json", false, "as JSON, an object a line")
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
