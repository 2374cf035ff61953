package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/spec/claude"
	"github.com/jailed-claude/jailed-claude/spec/plan"
)

func newConfig() *cobra.Command {
	c := command("config", "Review or reset the agent's own configuration", atMost(0), func(c *cobra.Command, _ []string) error { return c.Help() })
	c.AddCommand(newConfigReview(), newConfigPath(), newConfigReset())
	return c
}

func newConfigPath() *cobra.Command {
	return command("path", "Print the folder of the private configuration", atMost(0), func(c *cobra.Command, _ []string) error {
		state, _, err := plan.OwnConfig()
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), filepath.Join(state, claude.PrivateDir))
		return err
	})
}

func newConfigReset() *cobra.Command {
	var yes bool
	c := command("reset", "Remove the private configuration", atMost(0), func(c *cobra.Command, _ []string) error {
		state, _, err := plan.OwnConfig()
		if err != nil {
			return err
		}
		jails, err := launch.List()
		if err != nil {
			return err
		}
		if len(jails) > 0 {
			warn(c, fmt.Sprintf("%d of your jails are running; those that use it can no longer save to it", len(jails)))
		}
		ask := asker(c)
		switch {
		case yes:
		case ask == nil:
			return noTerminal("to remove it: jailed-claude config reset --yes")
		case !slices.Contains(yeses, ask(fmt.Sprintf("remove %s, with its login and history? [y/N] ", show.Visible(filepath.Join(state, claude.PrivateDir))))):
			return errors.New("not removed")
		}
		return claude.Reset(state)
	})
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

// reviewing are the flags of config review.
type reviewing struct {
	json, yes  bool
	take, drop []string
}

func newConfigReview() *cobra.Command {
	var v reviewing
	c := command("review", "Show what the agent changed, and copy back what you choose", atMost(0), func(c *cobra.Command, _ []string) error {
		state, h, err := plan.OwnConfig()
		if err != nil {
			return err
		}
		r, err := claude.NewReview(h, state)
		if errors.Is(err, claude.ErrNoPrivate) {
			return hint.Add(err, "the first \"jailed-claude run\" creates it")
		}
		if err != nil {
			return err
		}
		return v.review(c, r)
	})
	c.Flags().BoolVar(&v.json, "json", false, "print JSON")
	c.Flags().StringArrayVar(&v.take, "take", nil, "copy `PATH` to your own configuration (repeatable); PATH@DIGEST only if it is unchanged")
	c.Flags().StringArrayVar(&v.drop, "drop", nil, "drop `PATH` from the private configuration (repeatable)")
	c.Flags().BoolVar(&v.yes, "yes", false, "do not ask before --take and --drop")
	return c
}

// review shows changes, and does with each what the user says.
func (v reviewing) review(c *cobra.Command, r *claude.Review) error {
	named := len(v.take)+len(v.drop) > 0
	choices, err := r.Choose(v.take, v.drop)
	if err != nil {
		return err
	}
	ask := asker(c)
	switch {
	case named && !v.yes && (ask == nil || v.json):
		return noTerminal("review them first, then add --yes")
	case named:
	case v.yes:
		return hint.Add(errors.New("--yes needs --take or --drop"), c.CommandPath()+" --help")
	case v.json:
		return printJSON(c.OutOrStdout(), append([]*claude.Piece{}, r.Pieces...))
	case len(r.Pieces) == 0:
		say(c, "the agent changed nothing")
	default:
		choices = r.All()
	}
	done, err := claude.Walk(choices, func(t claude.Choice) string {
		if !v.json {
			fmt.Fprint(c.OutOrStdout(), t.Text(isTerminal(os.Stdout) && os.Getenv("NO_COLOR") == ""))
		}
		switch {
		case v.yes:
			return "y"
		case ask == nil:
			return "" // nobody can be asked
		}
		return ask(t.Question)
	})
	if v.json {
		err = errors.Join(err, printJSON(c.OutOrStdout(), done))
	}
	return err
}
