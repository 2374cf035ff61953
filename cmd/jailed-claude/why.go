package main

import (
	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/live"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/contract/brief"
)

func newWhy() *cobra.Command {
	var f jailFlags
	var w live.Why
	c := cli.Command("why [flags] NAME|PATH...", "Say what would happen to a host or a path, and which rule decides", cli.AtLeast(1), func(c *cobra.Command, args []string) error {
		return w.Do(c, args, func() (brief.Facts, error) {
			o := f.options(c)
			o.NoAgent, o.Look = true, true
			in, err := f.plan(c, o)
			if err != nil {
				return brief.Facts{}, err
			}
			if in.Closure.Agent == "" {
				in.Command = []string{"sh"}
			}
			return spec.Describe(*in)
		})
	})
	w.Register(c)
	f.register(c)
	return c
}
