package cli

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// describe gives a command its text and examples. Only help needs them.
func describe(c *cobra.Command, texts fs.FS) {
	text, err := fs.ReadFile(texts, "help/"+strings.ReplaceAll(c.CommandPath(), " ", "-")+".txt")
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

// Help returns what shows the help of a command. texts has a file
// help/COMMAND.txt for each: what it does, and examples.
func Help(texts fs.FS) func(*cobra.Command, []string) {
	return func(c *cobra.Command, _ []string) { printHelp(c, texts) }
}

func printHelp(c *cobra.Command, texts fs.FS) {
	describe(c, texts)
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
