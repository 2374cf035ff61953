package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/bundle/lock"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/plan"
)

func newLock() *cobra.Command {
	var f jailFlags
	var update bool
	c := &cobra.Command{
		Use:   "lock [flags] [--update [NAME...]]",
		Short: "Pin the project's jail: its store paths, what is in them, its policy",
		Long: `Write .jailed-claude.lock: which store paths the agent and the packages of the
project's policy are, the NAR hash of every path of the closure, the digest of the
policy, and that of the portable specification. Keep it in the repository: from
then on everyone's agent runs in the same jail, without asking Nix what a package
is, and "run" refuses where anything differs.

A lock that is there is not changed without --update. With NAME (a package as
the policy has it, what follows its #, or "agent") only that package moves on.

The lock follows from the project's policy and the defaults, not from your own
policy, which applies on top for yourself.`,
		Example: `  jailed-claude lock
  jailed-claude lock --package nixpkgs#claude-code
  jailed-claude lock --update             # everything moves on
  jailed-claude lock --update nodejs      # this package does
  jailed-claude lock --closure result/registration`,
		RunE: func(c *cobra.Command, names []string) error {
			if len(names) > 0 && !update {
				return hint.Add(fmt.Errorf("unexpected argument %q", names[0]), "to move a package on: jailed-claude lock --update "+show.ShellQuote(names[0]))
			}
			return f.lock(c, plan.Update{On: update, Names: names, Progress: hashProgress(c, "hash")})
		},
	}
	f.registerTeam(c)
	c.Flags().StringVar(&f.Package, "package", "", "the agent, where the policy names none: a store path or a Nix installable")
	c.Flags().StringVar(&f.Closure, "closure", "", "take the closure from `FILE`: one store path a line, or a Nix registration")
	c.Flags().BoolVar(&update, "update", false, "replace the lock, and say what changed")
	return c
}

func (f *jailFlags) lock(c *cobra.Command, u plan.Update) error {
	o := f.options(c)
	r, warnings, err := plan.Relock(c.Context(), o, u)
	warn(c, warnings...)
	if err != nil {
		return err
	}
	out := c.OutOrStdout()
	if r.Old != nil {
		changes := lock.Changes(r.Old, r.New)
		switch {
		case len(changes) == 0:
			say(c, "%s is up to date", lock.Name)
			return nil
		case !u.On:
			text := fmt.Sprintf("lock %q is there already, and what is wanted now differs:", r.File)
			for _, line := range changes {
				text += "\n  " + show.Visible(line)
			}
			return hint.Add(errors.New(text), "to replace it: "+o.CommandLine("lock --update"))
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
		warn(c, err.Error())
	}
	if r.Old == nil {
		for _, line := range r.New.Summary() {
			fmt.Fprintln(out, strings.TrimSpace(line))
		}
	}
	say(c, "wrote %s; add it to the repository", show.Visible(r.File))
	return nil
}

// hashProgress draws one line on a terminal; nil in a pipe.
func hashProgress(c *cobra.Command, what string) func(done, total int64) {
	if !isTerminal(os.Stderr) {
		return nil
	}
	begun, drawn := time.Now(), false
	return func(done, total int64) {
		const patience = 300 * time.Millisecond
		switch {
		case done >= total && drawn:
			fmt.Fprint(c.ErrOrStderr(), "\r\x1b[K")
		case done < total && time.Since(begun) > patience:
			drawn = true
			fmt.Fprintf(c.ErrOrStderr(), "\r\x1b[Kjailed-claude: %s %d of %d MB", what, done/1e6, total/1e6)
		}
	}
}
