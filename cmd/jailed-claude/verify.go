package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/spec/plan"
)

// exitDiffers is the status of verify where something differs.
const exitDiffers = 1

func newVerify() *cobra.Command {
	var f jailFlags
	var root string
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify [flags]",
		Short: "Check everything against the project's lock, each byte of the closure too",
		Long: `Recompute the NAR hash of every store path of .jailed-claude.lock from what is on
disk, and compare the project's policy and packages and the specification that
follows from them. Neither Nix nor its database is asked. The policy file is only
read: it need not be approved.

Exit status: 0 if all is as locked, 1 if something differs, with a line for each
difference; 125 if it could not be checked.`,
		Example: `  jailed-claude verify
  jailed-claude verify --json | jq -r '.differences[].name'
  jailed-claude verify --root /mnt/backup # a copy of the store below that folder`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o := f.options(c)
			r, err := plan.Verify(c.Context(), o, root, hashProgress(c, "verify"))
			if err != nil {
				return err
			}
			switch {
			case asJSON:
				if err := printJSON(c.OutOrStdout(), r); err != nil {
					return err
				}
				if !r.OK {
					return statusError{errors.New("it differs from the lock"), exitDiffers}
				}
			case !r.OK:
				return statusError{r.Err(o), exitDiffers}
			case isTerminal(os.Stderr):
				say(c, "as locked: %d store paths, %d MB in %.1f s", r.Paths, r.Bytes/1e6, r.Seconds)
			}
			return nil
		},
	}
	f.registerTeam(c)
	c.Flags().StringVar(&root, "root", "", "check store paths below `DIR`, where a copy of the store lies")
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return c
}
