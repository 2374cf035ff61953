package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/bundle/lock"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/plan"
	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/trust"
)

func newTrust() *cobra.Command {
	var yes, revoke, list, asJSON bool
	c := &cobra.Command{
		Use:   "trust [DIR]",
		Short: "Approve the policy file and the lock of a project",
		Long: `Show what the policy file of a project grants beyond your own policy and which
programs its lock picks, and approve them. The approval is for exactly these bytes
at exactly this path: once a file changes or moves, it is asked for again. A policy
that only takes away applies without.`,
		Example: `  jailed-claude trust                    # the project in this folder
  jailed-claude trust --yes ~/src/site   # without a question, for scripts
  jailed-claude trust --revoke           # takes back every approval of this file
  jailed-claude trust --list --json | jq -r '.[].path'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			switch {
			case asJSON && !list:
				return hint.Add(errors.New("--json is for --list"), c.CommandPath()+" --help")
			case list && len(args) > 0:
				return hint.Add(errors.New("--list shows all projects, and takes no folder"), c.CommandPath()+" --help")
			case list:
				return listTrust(c, asJSON)
			case revoke:
				return revokeTrust(c, dir)
			}
			command := "jailed-claude trust --yes"
			if len(args) > 0 {
				command += " " + show.ShellQuote(dir)
			}
			return approve(c, dir, approval{yes: yes, command: command})
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "approve without a question")
	c.Flags().BoolVar(&revoke, "revoke", false, "take back every approval of the project's policy file and lock")
	c.Flags().BoolVar(&list, "list", false, "list what is approved")
	c.Flags().BoolVar(&asJSON, "json", false, "with --list: as JSON")
	c.MarkFlagsMutuallyExclusive("yes", "revoke", "list")
	return c
}

// approve shows the policy file and the lock of a project, and asks.
func approve(c *cobra.Command, dir string, a approval) error {
	user, err := plan.UserLayers()
	if err != nil {
		return err
	}
	r, err := plan.RequestOf(dir, filepath.Join(dir, trust.Name), user)
	if err != nil {
		return err
	}
	if r != nil {
		a.what, a.file, a.question = "file", r.File, fmt.Sprintf("approve %d that widen the jail? [y/N] ", policy.Widening(r.Changes))
		lines := policy.Lines(r.Changes, policy.LineOptions{Other: "narrows", Values: true, Most: plan.MaxNarrowing})
		if err := a.ask(c, lines, !policy.Widens(r.Changes)); err != nil {
			return err
		}
	}
	file, err := plan.LockPath(dir)
	if err != nil {
		return err
	}
	l, text, err := lock.Read(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && r == nil:
		return hint.Add(fmt.Errorf("there is no %s in %s", trust.Name, show.Visible(dir)), "jailed-claude init writes one")
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	a.what, a.file, a.question = "lock", plan.LockFile(file, text), "approve the lock, with these programs? [y/N] "
	return a.ask(c, l.Summary(), false)
}

// approval is one question.
type approval struct {
	yes bool
	// command is what approves without a question.
	command        string
	what, question string
	file           *trust.File
}

// ask shows a file and what follows from it, and approves it if the user wants
// that; harmless is one that needs no approval.
func (a approval) ask(c *cobra.Command, lines []string, harmless bool) error {
	fmt.Fprintf(c.OutOrStdout(), "%s\nsha256 %s\n", show.Visible(a.file.Path), a.file.Digest)
	for _, line := range lines {
		fmt.Fprintln(c.OutOrStdout(), line)
	}
	var warnings plan.Warnings
	store := plan.TrustStore(&warnings)
	approved := !harmless && store.Lookup(a.file)
	warn(c, warnings...)
	switch {
	case harmless:
		say(c, "it grants nothing beyond your own policy, and applies without approval")
		return nil
	case approved:
		say(c, "the %s is approved already", a.what)
		return nil
	case !a.yes && !isTerminal(os.Stdin):
		return hint.Add(errors.New("nobody can be asked: standard input is no terminal"), "read the "+a.what+", then approve it: "+a.command)
	case !a.yes && !confirmed(c, a.question):
		return errors.New("not approved")
	}
	if err := store.Approve(a.file, time.Now()); err != nil {
		return err
	}
	say(c, "the %s is approved, until it changes", a.what)
	return nil
}

// confirmed asks on the terminal. Anything but yes is no.
func confirmed(c *cobra.Command, question string) bool {
	fmt.Fprint(c.ErrOrStderr(), "jailed-claude: "+question)
	line, _ := bufio.NewReader(c.InOrStdin()).ReadString('\n') // an end of input is no answer
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return true
	}
	return false
}

func revokeTrust(c *cobra.Command, dir string) error {
	file, n, warnings, err := plan.Revoke(dir)
	warn(c, warnings...)
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("%q was not approved", file)
	}
	say(c, "%d approval(s) of %q taken back", n, file)
	return nil
}

func listTrust(c *cobra.Command, asJSON bool) error {
	list, warnings, err := plan.Approvals()
	warn(c, warnings...)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(c.OutOrStdout(), list)
	}
	if len(list) == 0 {
		say(c, "nothing is approved")
		return nil
	}
	t := tabwriter.NewWriter(c.OutOrStdout(), 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "SHA256\tAPPROVED\tSTATE\tFILE")
	for _, a := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", show.Visible(fmt.Sprintf("%.12s", a.Digest)), a.Approved.Format(time.DateOnly), a.State, show.Visible(a.Path))
	}
	return t.Flush()
}
