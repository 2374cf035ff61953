package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/runtime/supervisor"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/claude"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// keyVariable is what Claude asks about before it uses it.
const keyVariable = "ANTHROPIC_API_KEY"

// Values of --login.
const (
	loginNone = "none"
	loginCopy = "copy"
)

func checkLogin(login, config string) error {
	switch login {
	case loginNone:
		return nil
	case loginCopy:
		if config != policy.ConfigPrivate {
			return hint(errors.New(`--login copy is for config = "private"`), "a shared configuration has the host's login already: leave the flag out")
		}
		return nil
	}
	return hint(fmt.Errorf("--login %q is not known", login), "use none or copy")
}

// hold makes what a shared configuration lacks and could not be protected
// otherwise; see claude.Hold.
func hold(f *host.ClaudeFiles) error {
	var paths []string
	for _, w := range f.Watch {
		paths = append(paths, w.Path)
	}
	if f.Dir == "" || len(paths) == 0 {
		return nil
	}
	held, err := claude.Hold(f.Dir, paths)
	if err != nil {
		return err
	}
	var watch []host.Path
	for _, w := range f.Watch {
		switch {
		case !slices.Contains(held, w.Path):
			watch = append(watch, w)
		case claude.Scratch(w.Path):
			f.Private = append(f.Private, w.Path)
		default:
			fi, err := os.Lstat(w.Path)
			if err != nil {
				return fmt.Errorf("shared configuration: %w", err)
			}
			w.Dir = fi.IsDir()
			f.Executable = append(f.Executable, w)
		}
	}
	f.Watch = watch
	return nil
}

// seed gives the first run of a private configuration what it may have of the
// host's.
func seed(c *cobra.Command, in *spec.Input, j *contract.Jail, login string) error {
	if in.Policy.Agent.Config != policy.ConfigPrivate {
		return nil
	}
	o := claude.Options{
		Host: claude.Find(in.Host.Env, in.Host.Home), State: in.Host.StateDir, Project: in.Host.Project.Dir, Login: login == loginCopy,
		APIKey: in.Policy.Env.Set[keyVariable],
	}
	if slices.Contains(in.Policy.Env.Pass, keyVariable) {
		o.APIKey = in.Host.Env[keyVariable]
	}
	if b := brokerOf(j, keyVariable); b != nil {
		o.Placeholder = b.Placeholder()
	}
	r, err := claude.Seed(o)
	for _, w := range r.Warnings {
		fmt.Fprintf(c.ErrOrStderr(), "jailed-claude: warning: %s\n", w)
	}
	if errors.Is(err, claude.ErrNoLogin) {
		return hint(err, "leave --login out, and log in inside: /login")
	}
	if err != nil {
		return fmt.Errorf("seed the agent's configuration: %w", err)
	}
	if len(r.Seeded) > 0 && isTerminal(os.Stderr) {
		fmt.Fprintf(c.ErrOrStderr(), "jailed-claude: first run: the agent's configuration begins with the host's %s\n", claude.VisibleLine(strings.Join(r.Seeded, ", ")))
	}
	if r.Login {
		fmt.Fprintln(c.ErrOrStderr(), "jailed-claude: the login was copied: the agent can use it and send it away, and refresh tokens rotate,\n"+
			"jailed-claude: so the two copies will log each other out; /login inside gives the jail one of its own")
	}
	return nil
}

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
	return xdg("XDG_STATE_HOME", ".local/state"), claude.Find(map[string]string{"CLAUDE_CONFIG_DIR": os.Getenv("CLAUDE_CONFIG_DIR")}, home), nil
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
			jails, err := supervisor.List()
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
				return hint(errors.New("nobody can be asked: standard input is no terminal"), "to remove it: jailed-claude config reset --yes")
			case !confirmed(c, fmt.Sprintf("remove %s, with its login and history? [y/N] ", visible(dir))):
				return errors.New("nothing was removed")
			}
			return claude.Reset(state)
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "without a question")
	return c
}

// reviewing is one call of config review.
type reviewing struct {
	r    *claude.Review
	out  io.Writer
	json bool
	// colour: the words that matter are red.
	colour bool
	// ask shows a question and returns the answer; nil: nobody can be asked.
	ask func(question string) string
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
				return hint(err, "the first jailed-claude run makes it")
			}
			if err != nil {
				return err
			}
			v := reviewing{r: r, out: c.OutOrStdout(), json: asJSON, colour: isTerminal(os.Stdout) && os.Getenv("NO_COLOR") == ""}
			if isTerminal(os.Stdin) && !asJSON {
				in := bufio.NewReader(c.InOrStdin())
				v.ask = func(question string) string {
					fmt.Fprint(c.ErrOrStderr(), "jailed-claude: "+question)
					line, err := in.ReadString('\n')
					if err != nil {
						return "q"
					}
					return strings.ToLower(strings.TrimSpace(line))
				}
			}
			if len(take)+len(drop) > 0 {
				return v.named(take, drop, yes)
			}
			if yes {
				return hint(errors.New("--yes is for --take and --drop: what is taken over has to be named"), c.CommandPath()+" --help")
			}
			return v.all(c.ErrOrStderr())
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	c.Flags().StringArrayVar(&take, "take", nil, "take `PATH` over to the host's; repeatable; PATH@DIGEST takes it only as it was")
	c.Flags().StringArrayVar(&drop, "drop", nil, "drop `PATH` from the private configuration; repeatable")
	c.Flags().BoolVar(&yes, "yes", false, "with --take and --drop: without a question")
	return c
}

// all shows every piece, and asks about each if somebody can be asked.
func (v *reviewing) all(stderr io.Writer) error {
	if v.json {
		return printJSON(v.out, append([]*claude.Piece{}, v.r.Pieces...))
	}
	if len(v.r.Pieces) == 0 {
		fmt.Fprintln(stderr, "jailed-claude: the agent changed nothing")
		return nil
	}
	var errs []error
	for _, p := range v.r.Pieces {
		v.show(p)
		if v.ask == nil {
			continue
		}
		question := "take it over to the host? [y/N, d drops it, q ends] "
		if p.Problem != "" {
			question = "drop it? [d/N, q ends] "
		}
		switch v.ask(question) {
		case "y", "yes":
			errs = append(errs, v.r.Take(p))
		case "d", "drop":
			errs = append(errs, v.r.Drop(p))
		case "q", "quit":
			return errors.Join(errs...)
		}
	}
	return errors.Join(errs...)
}

// named takes and drops what was named, each after it was shown.
func (v *reviewing) named(take, drop []string, yes bool) error {
	type task struct {
		p    *claude.Piece
		do   func(*claude.Piece) error
		what string
	}
	var tasks []task
	find := func(name string) (*claude.Piece, error) {
		path, digest, pinned := name, "", false
		if i := strings.LastIndex(name, "@sha256:"); i >= 0 {
			path, digest, pinned = name[:i], name[i+1:], true
		}
		p := v.r.Find(path)
		switch {
		case p == nil:
			return nil, hint(fmt.Errorf("the agent changed nothing of the name %s", visible(path)), "jailed-claude config review shows all names")
		case pinned && p.Digest != digest:
			return nil, hint(fmt.Errorf("%s is not what it was: it has the digest %s", visible(path), p.Digest), "review it again")
		}
		return p, nil
	}
	for _, names := range []struct {
		list []string
		do   func(*claude.Piece) error
		what string
	}{{take, v.r.Take, "take over to the host"}, {drop, v.r.Drop, "drop from the private configuration"}} {
		for _, name := range names.list {
			p, err := find(name)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(tasks, func(t task) bool { return t.p == p }) {
				return fmt.Errorf("%s is named twice", visible(name))
			}
			tasks = append(tasks, task{p, names.do, names.what})
		}
	}
	if !yes && v.ask == nil {
		return hint(errors.New("nobody can be asked: standard input is no terminal"), "look at them first, then add --yes")
	}
	var errs []error
	done := []*claude.Piece{}
	for _, t := range tasks {
		if !v.json {
			v.show(t.p)
		}
		if !yes && !slices.Contains([]string{"y", "yes"}, v.ask(t.what+"? [y/N] ")) {
			errs = append(errs, fmt.Errorf("%s: not done", visible(t.p.Path)))
			continue
		}
		if err := t.do(t.p); err != nil {
			errs = append(errs, err)
			continue
		}
		done = append(done, t.p)
	}
	if v.json {
		errs = append(errs, printJSON(v.out, done))
	}
	return errors.Join(errs...)
}

func (v *reviewing) show(p *claude.Piece) {
	effect := string(p.Effect)
	if p.Effect != claude.Harmless {
		effect = strings.ToUpper(effect)
	}
	if v.colour && (p.Effect == claude.Executes || p.Effect == claude.Unknown) {
		effect = "\x1b[1;31m" + effect + "\x1b[0m"
	}
	if p.Why != "" {
		effect += " (" + p.Why + ")"
	}
	fmt.Fprintf(v.out, "\n%s: %s, %s\n", claude.VisibleLine(p.Path), p.Change, effect)
	if p.Problem != "" {
		fmt.Fprintf(v.out, "cannot be taken over: %s\n", p.Problem)
	}
	fmt.Fprint(v.out, p.Diff)
	if p.Diff != "" && !strings.HasSuffix(p.Diff, "\n") {
		fmt.Fprintln(v.out)
	}
}
