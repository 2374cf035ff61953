package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/spec/claude"
	"github.com/jailed-claude/jailed-claude/spec/host"
)

func newConfig() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "The agent's own configuration: review it, take it over, begin anew",
		Long: `The configuration that jails use with config = "private". It is begun with the
host's at the first run, without secrets and without what executes; what the agent
changes in it stays in it until you take it over.`,
		Example: `  jailed-claude config review            # what the agent changed, piece by piece
  jailed-claude config path
  jailed-claude config reset             # the next run begins anew`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newConfigReview(), newConfigPath(), newConfigReset())
	return c
}

func newConfigPath() *cobra.Command {
	return &cobra.Command{
		Use:     "path",
		Short:   "Print the folder of the private configuration",
		Example: `  ls -la "$(jailed-claude config path)"`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			state, _, err := ownConfig()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), filepath.Join(state, claude.PrivateDir))
			return err
		},
	}
}

// ownConfig is where jailed-claude keeps its state, and the host's Claude its
// configuration.
func ownConfig() (state string, h claude.Host, err error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", h, err
	}
	if real, err := filepath.EvalSymlinks(home); err == nil {
		home = real
	}
	return host.StateDir(), claude.Find(map[string]string{"CLAUDE_CONFIG_DIR": os.Getenv("CLAUDE_CONFIG_DIR")}, home), nil
}

func newConfigReset() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "reset",
		Short: "Remove the private configuration: the next run begins anew",
		Long: `Remove the private configuration with all that is in it: its login, its history and
what the agent changed. The next run is a first run again. The host's is not touched.`,
		Example: `  jailed-claude config reset
  jailed-claude config reset --yes       # without a question, for scripts`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			state, _, err := ownConfig()
			if err != nil {
				return err
			}
			jails, err := launch.List()
			if err != nil {
				return err
			}
			if len(jails) > 0 {
				fmt.Fprintf(c.ErrOrStderr(), "jailed-claude: warning: %d of your jails are running; those that use it can save nothing from now on\n", len(jails))
			}
			dir := filepath.Join(state, claude.PrivateDir)
			switch {
			case yes:
			case !isTerminal(os.Stdin):
				return hint.Add(errors.New("nobody can be asked: standard input is no terminal"), "to remove it: jailed-claude config reset --yes")
			case !confirmed(c, fmt.Sprintf("remove %s, with its login and history? [y/N] ", show.Visible(dir))):
				return errors.New("nothing was removed")
			}
			return claude.Reset(state)
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "without a question")
	return c
}

func newConfigReview() *cobra.Command {
	var asJSON, yes bool
	var take, drop []string
	c := &cobra.Command{
		Use:   "review",
		Short: "Show what the agent changed in its configuration, and take over what you want",
		Long: `Compare the private configuration with what it was begun with and with the host's:
settings, memory, commands, agents, skills, hooks, plugins, output styles, key bindings
and MCP servers. Each change is shown as a diff with every character visible, and with
what it does: EXECUTES (the host's claude would run programs because of it), UNKNOWN,
INSTRUCTS (the host's claude would follow it), or harmless.

On a terminal each is asked about: y takes it over to the host's, d drops it from the
private configuration, Enter leaves it. What is shown is what is taken. The host's file
is kept beside the new one, as NAME.before-jailed-claude.`,
		Example: `  jailed-claude config review
  jailed-claude config review --json | jq -r '.[] | select(.effect == "executes").path'
  jailed-claude config review --take commands/deploy.md
  jailed-claude config review --take CLAUDE.md --drop settings.json:hooks --yes
  jailed-claude config review --yes --take commands/x.md@sha256:…   # only if it is still that`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			state, h, err := ownConfig()
			if err != nil {
				return err
			}
			r, err := claude.NewReview(h, state)
			if errors.Is(err, claude.ErrNoPrivate) {
				return hint.Add(err, "the first jailed-claude run makes it")
			}
			if err != nil {
				return err
			}
			var ask func(string) string // nil: nobody can be asked
			if isTerminal(os.Stdin) && !asJSON {
				ask = asker(c)
			}
			if len(take)+len(drop) > 0 {
				return reviewNamed(c, r, take, drop, ask, yes, asJSON)
			}
			if yes {
				return hint.Add(errors.New("--yes is for --take and --drop: what is taken over has to be named"), c.CommandPath()+" --help")
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), append([]*claude.Piece{}, r.Pieces...))
			}
			return reviewAll(c, r, ask)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	c.Flags().StringArrayVar(&take, "take", nil, "take `PATH` over to the host's; repeatable; PATH@DIGEST takes it only as it was")
	c.Flags().StringArrayVar(&drop, "drop", nil, "drop `PATH` from the private configuration; repeatable")
	c.Flags().BoolVar(&yes, "yes", false, "with --take and --drop: without a question")
	return c
}

// asker asks on the terminal, and returns the answer.
func asker(c *cobra.Command) func(question string) string {
	in := bufio.NewReader(c.InOrStdin())
	return func(question string) string {
		fmt.Fprint(c.ErrOrStderr(), "jailed-claude: "+question)
		line, err := in.ReadString('\n')
		if err != nil {
			return "q"
		}
		return strings.ToLower(strings.TrimSpace(line))
	}
}

func showPiece(c *cobra.Command, p *claude.Piece) {
	fmt.Fprint(c.OutOrStdout(), p.Text(isTerminal(os.Stdout) && os.Getenv("NO_COLOR") == ""))
}

// reviewAll shows every piece, and asks about each if somebody can be asked.
func reviewAll(c *cobra.Command, r *claude.Review, ask func(string) string) error {
	if len(r.Pieces) == 0 {
		say(c, "the agent changed nothing")
		return nil
	}
	var errs []error
	for _, p := range r.Pieces {
		showPiece(c, p)
		if ask == nil {
			continue
		}
		question := "take it over to the host? [y/N, d drops it, q ends] "
		if p.Problem != "" {
			question = "drop it? [d/N, q ends] "
		}
		switch ask(question) {
		case "y", "yes":
			errs = append(errs, r.Take(p))
		case "d", "drop":
			errs = append(errs, r.Drop(p))
		case "q", "quit":
			return errors.Join(errs...)
		}
	}
	return errors.Join(errs...)
}

// reviewNamed takes and drops what was named, each after it was shown.
func reviewNamed(c *cobra.Command, r *claude.Review, take, drop []string, ask func(string) string, yes, asJSON bool) error {
	choices, err := r.Choose(take, drop)
	if err != nil {
		return err
	}
	if !yes && ask == nil {
		return hint.Add(errors.New("nobody can be asked: standard input is no terminal"), "look at them first, then add --yes")
	}
	var errs []error
	done := []*claude.Piece{}
	for _, t := range choices {
		if !asJSON {
			showPiece(c, t.Piece)
		}
		if !yes && !slices.Contains([]string{"y", "yes"}, ask(t.What+"? [y/N] ")) {
			errs = append(errs, fmt.Errorf("%s: not done", show.Visible(t.Path)))
			continue
		}
		if err := t.Do(); err != nil {
			errs = append(errs, err)
			continue
		}
		done = append(done, t.Piece)
	}
	if asJSON {
		errs = append(errs, printJSON(c.OutOrStdout(), done))
	}
	return errors.Join(errs...)
}
