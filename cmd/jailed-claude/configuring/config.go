package configuring

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/internal/ask"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/spec/claude"
	"github.com/jailed-claude/jailed-claude/spec/claude/bring"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/kept"
	"github.com/jailed-claude/jailed-claude/spec/plan"
	"github.com/jailed-claude/jailed-claude/spec/projects"
)

// Command is "config".
func Command() *cobra.Command {
	c := cli.Command("config", "Review or reset the agent's own configuration", cli.AtMost(0), func(c *cobra.Command, _ []string) error { return c.Help() })
	c.AddCommand(newConfigReview(), newConfigPath(), newConfigReset(), newConfigImport(), newConfigList(), newConfigPrune(), newConfigBring())
	return c
}

// ofProject makes a command about the configuration of one project.
func ofProject(use, short string, run func(*cobra.Command, kept.State) error) *cobra.Command {
	var project, name string
	c := cli.Command(use, short, cli.AtMost(0), func(c *cobra.Command, _ []string) error {
		k, err := kept.For(project, name)
		if err == nil && name != "" && k.Other() && (use == "import" || use == "bring") {
			err = hint.Add(fmt.Errorf("config %s is for Claude Code, and this is %s", use, k.Agent.Title), "copy what it shall have by hand, to: jailed-claude config path --agent "+k.Agent.Name)
		}
		if err != nil {
			return err
		}
		return run(c, k)
	})
	c.Flags().StringVar(&project, "project", "", "the project `DIR` (default: the current folder)")
	c.Flags().StringVar(&name, "agent", "", "the agent `NAME` (default: that of your policy)")
	_ = c.RegisterFlagCompletionFunc("agent", cli.Completes(plan.AgentNames))
	if use == "import" || use == "bring" {
		_ = c.Flags().MarkHidden("agent") // they are Claude Code's, and say so
	}
	return c
}

func newConfigPath() *cobra.Command {
	return ofProject("path", "Print the folder of the private configuration", func(c *cobra.Command, k kept.State) error {
		_, err := fmt.Fprintln(c.OutOrStdout(), strings.Join(k.Dirs(), "\n"))
		return err
	})
}

func newConfigReset() *cobra.Command {
	var yes bool
	c := ofProject("reset", "Remove the private configuration", func(c *cobra.Command, k kept.State) error {
		if err := agreed(c, yes, "remove "+show.Visible(strings.Join(k.Dirs(), ", "))+", with its login and history?"); err != nil {
			return err
		}
		return k.Reset()
	})
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

// agreed asks before something is removed or replaced that a running jail may
// be using.
func agreed(c *cobra.Command, yes bool, question string) error {
	jails, err := launch.List()
	if err != nil {
		return err
	}
	if len(jails) > 0 {
		cli.Warn(c, fmt.Sprintf("jails of yours run (%d): those that use it can no longer save to it", len(jails)))
	}
	answer := cli.Asker(c)
	switch {
	case yes:
		return nil
	case answer == nil:
		return hint.Add(ask.ErrNobody, "to go on without asking: "+c.CommandPath()+" --yes")
	case !ask.Yes(answer(question + " [y/N] ")):
		return errors.New("nothing was changed")
	}
	return nil
}

func newConfigImport() *cobra.Command {
	var yes bool
	c := ofProject("import", "Copy the configuration that all projects once shared", func(c *cobra.Command, k kept.State) error {
		return k.Import(func(question string) error { return agreed(c, yes, question) })
	})
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

func newConfigList() *cobra.Command {
	var asJSON bool
	c := cli.Command("list", "List the projects that have a private configuration", cli.AtMost(0), func(c *cobra.Command, _ []string) error {
		all, err := projects.List(host.StateDir())
		if err == nil && asJSON {
			return cli.PrintJSON(c.OutOrStdout(), append([]projects.Entry{}, all...))
		}
		return errors.Join(err, projects.Print(c.OutOrStdout(), all))
	})
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func newConfigPrune() *cobra.Command {
	var yes, common, caches bool
	c := cli.Command("prune", "Remove configurations of projects that are gone", cli.AtMost(0), func(c *cobra.Command, _ []string) error {
		k := kept.State{All: host.StateDir()}
		agree := func(question string) error { return agreed(c, yes, question) }
		switch {
		case common:
			return k.PruneCommon(agree)
		case caches:
			return projects.PruneCaches(k.All, agree)
		}
		return k.Prune(agree, func(line string) { cli.Say(c, "%s", line) })
	})
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&common, "common", false, "remove the configuration that all projects once shared")
	c.Flags().BoolVar(&caches, "caches", false, "remove what package managers fetched in the jails of all projects")
	return c
}

func newConfigReview() *cobra.Command {
	var asJSON bool
	var w claude.Wanted
	c := ofProject("review", "Show what the agent changed, and copy back what you choose", func(c *cobra.Command, k kept.State) error {
		if k.Other() {
			return reviewOther(c, k, w, asJSON)
		}
		r, err := claude.NewReview(k.Host, k.Project)
		if errors.Is(err, claude.ErrNoPrivate) {
			if ran := projects.Agents(k.Project); len(ran) > 0 {
				return hint.Add(err, "other agents ran here: jailed-claude config review --agent "+strings.Join(ran, ", or "))
			}
			return hint.Add(err, "the first \"jailed-claude run\" creates it")
		}
		if err != nil {
			return err
		}
		w.Help = c.CommandPath() + " --help"
		if w.Ask = cli.Asker(c); asJSON {
			w.JSON = func(pieces []*claude.Piece) error { return cli.PrintJSON(c.OutOrStdout(), pieces) }
		}
		w.Nothing = func() { cli.Say(c, "the agent changed nothing") }
		w.Show = func(p *claude.Piece) { showPiece(c, p) }
		return r.Do(w)
	})
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringArrayVar(&w.Take, "take", nil, "copy `PATH` to your own configuration (repeatable); PATH@DIGEST only if it is unchanged")
	c.Flags().StringArrayVar(&w.Drop, "drop", nil, "drop `PATH` from the private configuration (repeatable)")
	c.Flags().BoolVar(&w.Yes, "yes", false, "do not ask before --take and --drop")
	return c
}

func showPiece(c *cobra.Command, p *claude.Piece) {
	fmt.Fprint(c.OutOrStdout(), p.Text(cli.IsTerminal(os.Stdout) && os.Getenv("NO_COLOR") == ""))
}

// reviewOther shows what became of another agent's files. They are copied back by
// hand.
func reviewOther(c *cobra.Command, k kept.State, w claude.Wanted, asJSON bool) error {
	if len(w.Take)+len(w.Drop) > 0 {
		return hint.Add(fmt.Errorf("--take and --drop are for Claude Code, and this is %s", k.Agent.Title), "copy what you want by hand, from: jailed-claude config path --agent "+k.Agent.Name)
	}
	pieces, err := k.Changes()
	switch {
	case errors.Is(err, claude.ErrNoPrivate):
		return hint.Add(err, "the first \"jailed-claude run "+k.Agent.Name+"\" creates it")
	case err == nil && asJSON:
		return cli.PrintJSON(c.OutOrStdout(), append([]*claude.Piece{}, pieces...))
	case err == nil && len(pieces) == 0:
		cli.Say(c, "the agent changed nothing")
	}
	for _, p := range pieces {
		showPiece(c, p)
	}
	return err
}

func newConfigBring() *cobra.Command {
	return ofProject("bring", "Show what of your own configuration a jail can have too", func(c *cobra.Command, k kept.State) error { return bring.Print(c.OutOrStdout(), bring.Offer(k.Host)) })
}
