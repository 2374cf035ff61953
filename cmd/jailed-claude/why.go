package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/why"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/contract/brief"
)

func newWhy() *cobra.Command {
	var f jailFlags
	var asJSON bool
	var jail string
	c := cli.Command("why [flags] NAME|PATH...", "Say what would happen to a host or a path, and which rule decides", cobra.MinimumNArgs(1), func(c *cobra.Command, args []string) error {
		if jail != "" {
			j, err := launch.Find(jail, "")
			if err != nil {
				return err
			}
			return printAnswers(c, args, asJSON, func(arg string) (brief.Answer, error) { return why.Running(j, arg) })
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
		facts, err := spec.Describe(*in)
		if err != nil {
			return err
		}
		return printAnswers(c, args, asJSON, func(arg string) (brief.Answer, error) { return why.Answer(facts, arg) })
	})
	c.Flags().StringVar(&jail, "jail", "", "ask the running jail `ID`, with what was allowed and denied since its start")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	f.register(c)
	return c
}

func printAnswers(c *cobra.Command, args []string, asJSON bool, about func(string) (brief.Answer, error)) error {
	var all []brief.Answer
	for _, arg := range args {
		a, err := about(arg)
		if err != nil {
			return err
		}
		if all = append(all, a); !asJSON {
			fmt.Fprintln(c.OutOrStdout(), a)
		}
	}
	if asJSON {
		return cli.PrintJSON(c.OutOrStdout(), all)
	}
	return nil
}
