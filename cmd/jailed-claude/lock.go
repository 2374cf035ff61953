package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/bundle/image"
	"github.com/jailed-claude/jailed-claude/bundle/lock"
	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/plan"
)

func newLock() *cobra.Command {
	var f jailFlags
	var update, layers bool
	c := cli.Command("lock [flags] [--update [NAME...]]", "Pin the project's store paths, their contents and its policy", cobra.ArbitraryArgs, func(c *cobra.Command, names []string) error {
		if len(names) > 0 && !update {
			return hint.Add(fmt.Errorf("unexpected argument %q", names[0]), "to update only this package: jailed-claude lock --update "+show.ShellQuote(names[0]))
		}
		return f.lock(c, layers, plan.Update{On: update, Names: names, Progress: cli.Progress(c, "hash")})
	})
	c.Flags().StringVar(&f.Package, "package", "", "lock the agent `PACKAGE`, if the policy names none: a store path or a Nix installable")
	c.Flags().StringVar(&f.Closure, "closure", "", "use the store paths in `FILE`: one a line, or a Nix registration")
	c.Flags().BoolVar(&update, "update", false, "replace the lock, and show what changed")
	c.Flags().BoolVar(&layers, "image", false, "pin the layers of the closure's image too, for \"image\" to compare with; a lock that has them keeps them")
	f.registerTeam(c)
	return c
}

func (f *jailFlags) lock(c *cobra.Command, layers bool, u plan.Update) error {
	o := f.options(c)
	r, warnings, err := plan.Relock(c.Context(), o, u)
	cli.Warn(c, warnings...)
	if err != nil {
		return err
	}
	if layers || r.Old != nil && len(r.Old.Layers) > 0 {
		if r.New.Layers, err = image.Layers(c.Context(), image.Input{Paths: r.New.StorePaths()}, cli.Progress(c, "image")); err != nil {
			return err
		}
	}
	out := c.OutOrStdout()
	if r.Old != nil {
		changes := lock.Changes(r.Old, r.New)
		switch {
		case len(changes) == 0:
			cli.Say(c, "%s is up to date", lock.Name)
			return nil
		case !u.On && (len(changes) > 1 || len(r.Old.Layers) > 0 || !layers): // more than layers that come
			return o.RefuseChanges(r.File, changes)
		}
		for _, line := range changes {
			fmt.Fprintln(out, show.Visible(line))
		}
	}
	if err := lock.Write(r.File, r.New); err != nil {
		return err
	}
	// Who writes a lock means it. (Where approvals cannot be kept, --locked
	// is for.)
	if err := plan.TrustStore(&warnings).Approve(plan.LockFile(r.File, r.New.Render()), time.Now()); err != nil {
		cli.Warn(c, err.Error())
	}
	if r.Old == nil {
		for _, line := range r.New.Summary() {
			fmt.Fprintln(out, strings.TrimSpace(line))
		}
	}
	cli.Say(c, "wrote %s; add it to the repository", show.Visible(r.File))
	return nil
}
