package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/plan"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

func newExplain() *cobra.Command {
	var f jailFlags
	var asJSON, diff bool
	c := &cobra.Command{
		Use:   "explain [flags] | explain --diff A B",
		Short: "Show every grant, where it comes from, and why",
		Long: `Show all that the jail may see and do here: every grant, the policy that it came
from, and what it is for. What is not listed is not granted.

With --diff, show how B differs from A, what widens the jail first. Both are
policy files, or both are config.json files or bundles; /dev/null is the policy
that says nothing.`,
		Example: `  jailed-claude explain
  jailed-claude explain --write ~/.cache/go-build
  jailed-claude explain --json | jq '.[] | select(.mode == "rw")'
  jailed-claude explain --diff ~/.config/jailed-claude/config.toml .jailed-claude.toml
  jailed-claude explain --diff --json old/config.json new/config.json | jq '.[] | select(.widens)'`,
		Args: func(c *cobra.Command, args []string) error {
			switch {
			case diff && len(args) != 2:
				return hint.Add(errors.New("--diff compares two files"), "jailed-claude explain --diff A B")
			case !diff:
				return cobra.NoArgs(c, args)
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if diff {
				return printDiff(c, args[0], args[1], asJSON)
			}
			o := f.options(c)
			o.NoAgent, o.Look = true, true
			in, err := f.plan(c, o)
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
	c.Flags().BoolVar(&diff, "diff", false, "compare two policy files, or two config.json files")
	return c
}

func printDiff(c *cobra.Command, a, b string, asJSON bool) error {
	changes, policies, err := plan.Compare(a, b)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(c.OutOrStdout(), append([]policy.Change{}, changes...))
	}
	if len(changes) == 0 {
		say(c, "they grant the same")
	}
	o := policy.LineOptions{Other: "-", Values: true, Most: len(changes)}
	if policies {
		o.Other = "narrows"
	}
	for _, line := range policy.Lines(changes, o) {
		fmt.Fprintln(c.OutOrStdout(), line)
	}
	return nil
}

func printGrants(w io.Writer, grants []spec.Grant) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "KIND\tWHAT\tMODE\tFROM\tWHY")
	for _, g := range grants {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", g.Kind, show.Visible(g.What), g.Mode, show.Visible(g.From), show.Visible(g.Why))
	}
	return t.Flush()
}
