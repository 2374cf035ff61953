package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/spec/plan"
)

// exitDiffers is the status of verify where something differs.
const exitDiffers = 1

func newVerify() *cobra.Command {
	var f jailFlags
	var root string
	var asJSON bool
	c := cli.Command("verify [flags]", "Check everything against the project's lock, byte by byte", cli.AtMost(0), func(c *cobra.Command, _ []string) error {
		o := f.options(c)
		r, err := plan.Verify(c.Context(), o, root, cli.Progress(c, "verify"))
		if err != nil {
			return err
		}
		switch {
		case asJSON:
			if err := cli.PrintJSON(c.OutOrStdout(), r); err != nil {
				return err
			}
			if !r.OK {
				return cli.StatusError{Err: errors.New("there are differences from the lock"), Status: exitDiffers}
			}
		case !r.OK:
			return cli.StatusError{Err: r.Err(o), Status: exitDiffers}
		case cli.IsTerminal(os.Stderr):
			cli.Say(c, "as locked: %d store paths, %d MB in %.1f s", r.Paths, r.Bytes/1e6, r.Seconds)
		}
		return nil
	})
	c.Flags().StringVar(&root, "root", "", "check a copy of the store below `DIR`")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	f.registerTeam(c)
	return c
}
