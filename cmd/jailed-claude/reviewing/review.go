package reviewing

import (
	"cmp"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/bundle/review"
	"github.com/jailed-claude/jailed-claude/bundle/review/command"
	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/internal/ask"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/pty"
	"github.com/jailed-claude/jailed-claude/runtime/sessionlog"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/plan"
	"github.com/jailed-claude/jailed-claude/spec/plan/trusted"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// Command is "review".
func Command() *cobra.Command {
	var w command.Command
	var projects []string
	var name, atEnd string
	c := cli.Command("review [flags] [PATH...]", "Show, apply or discard what jails changed", cobra.ArbitraryArgs, func(c *cobra.Command, args []string) error {
		w.Paths, w.Out, w.Colour = args, c.OutOrStdout(), cli.IsTerminal(os.Stdout) && os.Getenv("NO_COLOR") == ""
		w.Say = func(format string, args ...any) { cli.Say(c, format, args...) }
		if atEnd != "" {
			return atJailsEnd(c, projects, name, atEnd, w.Say)
		}
		named := plan.Options{}.Of(projects)
		if err := named.One("review"); err != nil {
			return err
		}
		return w.Do(func() (review.Options, error) {
			o, err := trusted.Review(named.Project, name)
			if err != nil || w.HTML == "" {
				return o, err
			}
			if s, found := sessionlog.In(host.StateDir()).Newest(o.Project); found == nil {
				err = s.Each(func(at time.Time, allowed bool, what, why string) {
					o.Network = append(o.Network, review.Decision{Time: at, Allowed: allowed, What: what, Why: why})
				})
			}
			return o, err
		})
	})
	c.Flags().StringArrayVar(&projects, "project", nil, "the project `DIR` (default: the current folder)")
	c.Flags().StringVar(&name, "layer", "", "the project's layer `NAME` (default: the one without a name)")
	c.Flags().BoolVar(&w.Apply, "apply", false, "apply what is ordinary to the project, or PATH of it")
	c.Flags().StringArrayVar(&w.Executes, "yes-executes", nil, "with --apply: also apply `PATH`, which the host would execute or trust (repeatable)")
	c.Flags().StringArrayVar(&w.Over, "over", nil, "apply, or discard from the host, `PATH` over what the host changed meanwhile (repeatable)")
	c.Flags().StringVar(&w.Digest, "digest", "", "with --apply: only if the layer is as the review with this `DIGEST` showed it")
	c.Flags().BoolVar(&w.Discard, "discard", false, "discard what is in the layer, or PATH of it or of what jails left on the host")
	c.Flags().BoolVar(&w.Undo, "undo", false, "take back what was applied last")
	c.Flags().BoolVar(&w.JSON, "json", false, "print JSON")
	c.Flags().StringVar(&w.HTML, "html", "", "write the review to `FILE`, as one page")
	c.Flags().StringVar(&atEnd, atEndFlag, "", "")
	_ = c.Flags().MarkHidden(atEndFlag)
	return c
}

// atEndFlag of review is for what waits for the end of a jail.
const atEndFlag = "at-end"

// After are the arguments of a review that comes after the jail, or nil where
// there is none: nobody is asked where none looks, and what a detached jail leaves
// waits for its user.
func After(in *spec.Input) []string {
	apply := cmp.Or(in.Policy.Review.Apply, policy.ApplyAsk)
	people := cli.IsTerminal(os.Stdin) && cli.IsTerminal(os.Stdout) && cli.IsTerminal(os.Stderr)
	if _, detached := launch.IsDetached(); detached || in.Policy.Files.Project != policy.ProjectOverlay || apply == policy.ApplyNever || apply == policy.ApplyAsk && !people {
		return nil
	}
	args := []string{"review", "--" + atEndFlag, apply, "--layer", contract.LayerName(in.Host.Project.Layer)}
	for _, p := range in.Host.Projects() {
		args = append(args, "--project", p.Dir)
	}
	return args
}

func atJailsEnd(c *cobra.Command, projects []string, name, apply string, say func(string, ...any)) (err error) {
	carry := func(o review.Options, digest string) error {
		return command.Command{Wanted: review.Wanted{Digest: digest}, Apply: true, Say: say}.Do(func() (review.Options, error) { return o, nil })
	}
	end := review.End{Safe: apply == policy.ApplySafe, Apply: carry, Say: say, Ask: func(question string) bool {
		answer := cli.Asker(c)
		// What was typed for the agent is no answer.
		return answer != nil && pty.Forget(os.Stdin) == nil && ask.Yes(answer(question))
	}}
	for _, project := range projects {
		o, failed := trusted.Review(project, name)
		if failed == nil {
			failed = end.Do(o)
		}
		err = errors.Join(err, failed)
	}
	return err
}
