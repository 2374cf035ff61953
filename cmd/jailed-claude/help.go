package main

import (
	"embed"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpTexts has a file for each command: what it does, and examples.
//
//go:embed help/*.txt
var helpTexts embed.FS

// describe gives a command its text and examples. Only help needs them.
func describe(c *cobra.Command) {
	text, err := helpTexts.ReadFile("help/" + strings.ReplaceAll(c.CommandPath(), " ", "-") + ".txt")
	if err != nil {
		return // a command of cobra's own
	}
	c.Long, c.Example, _ = strings.Cut(strings.TrimSpace(string(text)), "\n\nExamples:\n")
}

// sections of the flags that jail commands share begin with these.
var sections = map[string]string{
	"project": "What runs", "read": "Files", "net": "Network", "env": "Environment and identity", "memory": "Limits", "require": "Safety",
}

// helpWidth is that of a terminal.
const helpWidth = 80

// printHelp shows the help of a command.
func printHelp(c *cobra.Command, _ []string) {
	describe(c)
	var b strings.Builder
	part := func(title, text string) {
		if text != "" {
			fmt.Fprintf(&b, "\n%s:\n%s\n", title, strings.TrimRight(text, "\n"))
		}
	}
	b.WriteString(c.Long + "\n")
	usage := c.UseLine()
	if c.HasAvailableSubCommands() {
		usage = c.CommandPath() + " COMMAND"
	}
	part("Usage", "  "+usage)
	part("Examples", c.Example)
	for _, g := range append(c.Groups(), &cobra.Group{Title: "Commands"}) {
		var list strings.Builder
		for _, s := range c.Commands() {
			if s.GroupID == g.ID && (s.IsAvailableCommand() || s.Name() == "help") {
				fmt.Fprintf(&list, "  %-*s %s\n", c.NamePadding(), s.Name(), s.Short)
			}
		}
		part(g.Title, list.String())
	}
	title, flags := "Flags", pflag.NewFlagSet("", pflag.ContinueOnError)
	isJail := c.Flags().Lookup("net") != nil
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if c.Root().PersistentFlags().Lookup(f.Name) != nil {
			return
		}
		if begins := sections[f.Name]; isJail && begins != "" {
			part(title, flags.FlagUsagesWrapped(helpWidth))
			title, flags = begins, pflag.NewFlagSet("", pflag.ContinueOnError)
		}
		flags.SortFlags = false
		flags.AddFlag(f)
	})
	part(title, flags.FlagUsagesWrapped(helpWidth))
	part("Global flags", c.Root().PersistentFlags().FlagUsagesWrapped(helpWidth))
	fmt.Fprint(c.OutOrStdout(), b.String())
}
