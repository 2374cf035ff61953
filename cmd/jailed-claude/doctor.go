package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/spec/host"
)

func newDoctor() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check what this host has, and print the commands that mend it",
		Example: `  jailed-claude doctor
  jailed-claude doctor --json | jq '.[] | select(.ok | not)'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			needs := host.Needs(c.Context())
			if asJSON {
				if err := printJSON(c.OutOrStdout(), needs); err != nil {
					return err
				}
			}
			missing := 0
			for _, n := range needs {
				state := "ok"
				switch {
				case !n.OK && n.Required:
					state, missing = "MISSING", missing+1
				case !n.OK:
					state = "no"
				}
				if asJSON {
					continue
				}
				fmt.Fprintf(c.OutOrStdout(), "%-8s %s: %s\n", state, n.Name, n.Detail)
				if !n.OK {
					// As they are pasted: a here-document ends where it is
					// not indented.
					for _, command := range n.Fix {
						fmt.Fprintln(c.OutOrStdout(), command)
					}
				}
			}
			if missing > 0 {
				return fmt.Errorf("this host lacks %d thing(s) that a jail needs", missing)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return c
}

// blame names the host setting that keeps a jail from starting, with the
// commands that mend it.
func blame() (hints, commands []string) {
	for _, n := range host.Blame(context.Background()) {
		hints = append(hints, n.Name+": "+n.Detail)
		commands = append(commands, n.Fix...)
	}
	if len(hints) == 0 {
		hints = []string{"jailed-claude doctor shows what this host lacks"}
	}
	return hints, commands
}
