package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/bundle/review"
	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/runtime/sessionlog"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/plan/trusted"
)

func newReview() *cobra.Command {
	var w review.Command
	var project string
	c := cli.Command("review [flags] [PATH...]", "Show, apply or discard what a jail changed in a layer", cobra.ArbitraryArgs, func(c *cobra.Command, args []string) error {
		w.Paths, w.Out, w.Colour = args, c.OutOrStdout(), cli.IsTerminal(os.Stdout) && os.Getenv("NO_COLOR") == ""
		w.Say = func(format string, args ...any) { cli.Say(c, format, args...) }
		return w.Do(func() (review.Options, error) {
			o, err := trusted.Review(project)
			if s, found := sessionlog.In(host.StateDir()).Newest(o.Project); err == nil && found == nil && w.HTML != "" {
				err = s.Each(func(at time.Time, allowed bool, what, why string) {
					o.Network = append(o.Network, review.Decision{Time: at, Allowed: allowed, What: what, Why: why})
				})
			}
			return o, err
		})
	})
	c.Flags().StringVar(&project, "project", "", "the project `DIR` (default: the current folder)")
	c.Flags().BoolVar(&w.Apply, "apply", false, "apply what is ordinary to the project, or PATH of it")
	c.Flags().StringArrayVar(&w.Executes, "yes-executes", nil, "with --apply: also apply `PATH`, which the host would execute or trust (repeatable)")
	c.Flags().StringArrayVar(&w.Over, "over", nil, "with --apply: apply `PATH` over what the host changed meanwhile (repeatable)")
	c.Flags().StringVar(&w.Digest, "digest", "", "with --apply: only if the layer is as the review with this `DIGEST` showed it")
	c.Flags().BoolVar(&w.Discard, "discard", false, "discard what is in the layer, or PATH of it")
	c.Flags().BoolVar(&w.Undo, "undo", false, "take back what was applied last")
	c.Flags().BoolVar(&w.JSON, "json", false, "print JSON")
	c.Flags().StringVar(&w.HTML, "html", "", "write the review to `FILE`, as one page")
	return c
}
