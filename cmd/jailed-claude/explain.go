package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/compare/files"
	"github.com/jailed-claude/jailed-claude/spec/policy/change"
)

func newExplain() *cobra.Command {
	var f jailFlags
	var asJSON, diff bool
	c := cli.Command("explain [flags] | explain --diff A B", "Show every grant, where it comes from, and why", cobra.ArbitraryArgs, func(c *cobra.Command, args []string) error {
		switch {
		case diff && len(args) != 2:
			return hint.Add(errors.New("--diff compares two files"), "jailed-claude explain --diff A B")
		case diff:
			return printDiff(c, args[0], args[1], asJSON)
		}
		if err := cli.AtMost(0)(c, args); err != nil {
			return err
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
			return cli.PrintJSON(c.OutOrStdout(), grants)
		}
		return spec.Print(c.OutOrStdout(), grants)
	})
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&diff, "diff", false, "compare two policy files, or two config.json files")
	f.register(c)
	return c
}

func printDiff(c *cobra.Command, a, b string, asJSON bool) error {
	changes, policies, err := files.Compare(a, b)
	if err != nil {
		return err
	}
	if asJSON {
		return cli.PrintJSON(c.OutOrStdout(), append([]change.Change{}, changes...))
	}
	if len(changes) == 0 {
		cli.Say(c, "both grant the same")
	}
	o := change.LineOptions{Other: "-", Values: true, Most: len(changes)}
	if policies {
		o.Other = "narrows"
	}
	for _, line := range change.Lines(changes, o) {
		fmt.Fprintln(c.OutOrStdout(), line)
	}
	return nil
}
