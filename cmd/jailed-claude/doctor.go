package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/runtime/egress/wall"
	"github.com/jailed-claude/jailed-claude/spec/host/needs"
	"github.com/jailed-claude/jailed-claude/spec/plan"
)

// trialFlag is for wall.Try.
const trialFlag = "try-network"

func newDoctor() *cobra.Command {
	var asJSON, trial bool
	c := cli.Command("doctor", "Check this host, and print commands that fix what is missing", cli.AtMost(0), func(c *cobra.Command, _ []string) error {
		if trial {
			return wall.Trial()
		}
		needs := needs.Needs(c.Context(), func(ctx context.Context) error { return wall.Try(ctx, "/proc/self/exe", "doctor", "--"+trialFlag) }, plan.Own())
		if asJSON {
			if err := cli.PrintJSON(c.OutOrStdout(), needs); err != nil {
				return err
			}
		}
		missing := 0
		for _, n := range needs {
			if n.Required && !n.OK {
				missing++
			}
			if !asJSON {
				fmt.Fprint(c.OutOrStdout(), n.Text())
			}
		}
		if missing > 0 {
			return hint.Add(fmt.Errorf("this host lacks %d thing(s) that a jail needs", missing), "run the commands above, then jailed-claude doctor again")
		}
		return nil
	})
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&trial, trialFlag, false, "close the network namespace of this process, and end")
	c.Flags().Lookup(trialFlag).Hidden = true
	return c
}
