package main

import (
	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/session"
	"github.com/jailed-claude/jailed-claude/spec/plan"
)

func newExec() *cobra.Command {
	return cli.Command("exec [ID] [-- CMD ARGS]", "Run a shell or a command in a running jail", cobra.ArbitraryArgs, func(c *cobra.Command, args []string) error {
		j, command, err := jail(c, args)
		if err != nil {
			return err
		}
		status, err := session.Exec(j, command)
		if err != nil {
			return err
		}
		return cli.Exit(status)
	})
}

// jail is the running one that a command names before "--", or that of this
// project, and what comes behind it.
func jail(c *cobra.Command, args []string) (launch.Running, []string, error) {
	want := min(len(args), 1)
	if c.ArgsLenAtDash() == 0 {
		want = 0
	}
	named, after, err := cli.AfterDash(c, args, want)
	if err != nil {
		return launch.Running{}, nil, err
	}
	id := ""
	if len(named) > 0 {
		id = named[0]
	}
	j, err := launch.Find(id, (&plan.Options{}).Dir())
	return j, after, err
}
