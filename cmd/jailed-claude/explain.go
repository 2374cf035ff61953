package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/spec"
)

func newExplain() *cobra.Command {
	var f jailFlags
	var asJSON bool
	c := &cobra.Command{
		Use:   "explain [flags]",
		Short: "Show every grant, where it comes from, and why",
		Long: `Show all that the jail may see and do here: every grant, the policy that it came
from, and what it is for. What is not listed is not granted.`,
		Example: `  jailed-claude explain
  jailed-claude explain --write ~/.cache/go-build
  jailed-claude explain --json | jq '.[] | select(.mode == "rw")'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			in, err := f.plan(c.Context(), c, wanted{noAgent: true, look: true})
			if err != nil {
				return err
			}
			if in.Closure.Agent == "" {
				in.Command = []string{"sh"}
			}
			grants, err := spec.Explain(*in)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), grants)
			}
			return printGrants(c.OutOrStdout(), grants)
		},
	}
	f.register(c)
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return c
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func printGrants(w io.Writer, grants []spec.Grant) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "KIND\tWHAT\tMODE\tFROM\tWHY")
	for _, g := range grants {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", g.Kind, visible(g.What), g.Mode, visible(g.From), visible(g.Why))
	}
	return t.Flush()
}

// visible quotes what could move the cursor, forge a line or be read in another
// order than it is: names of files are the project's, not ours.
func visible(s string) string {
	for _, r := range s {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return strconv.Quote(s)
		}
	}
	return s
}
