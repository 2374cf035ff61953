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
				return hint(errors.New("--json is for --list"), c.CommandPath()+" --help")
			case list && len(args) > 0:
				return hint(errors.New("--list shows all projects, and takes no folder"), c.CommandPath()+" --help")
			case list:
				return listTrust(c, asJSON)
			case revoke:
				return revokeTrust(c, dir)
			}
			command := "jailed-claude trust --yes"
			if len(args) > 0 {
				command += " " + shellQuote(dir)
			}
			return approve(c, dir, yes, command)
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "approve without a question")
	c.Flags().BoolVar(&revoke, "revoke", false, "take back every approval of the project's policy file and lock")
	c.Flags().BoolVar(&list, "list", false, "list what is approved")
	c.Flags().BoolVar(&asJSON, "json", false, "with --list: as JSON")
	c.MarkFlagsMutuallyExclusive("yes", "revoke", "list")
	return c
}

// approve shows and asks; command is what approves without a question.
func approve(c *cobra.Command, dir string, yes bool, command string) error {
	user, err := userLayers()
	if err != nil {
		return err
	}
	a, err := askedBy(dir, filepath.Join(dir, trust.Name), user)
	if err != nil {
		return err
	}
	if a == nil {
		if found, err := approveLock(c, dir, yes, command); found || err != nil {
			return err
		}
		return hint(fmt.Errorf("there is no %s in %s", trust.Name, visible(dir)), "jailed-claude init writes one")
	}
	if err := approvePolicy(c, a, yes, command); err != nil {
		return err
	}
	_, err = approveLock(c, dir, yes, command)
	return err
}

// approvePolicy asks about the policy file.
func approvePolicy(c *cobra.Command, a *asked, yes bool, command string) error {
	out := c.OutOrStdout()
	fmt.Fprintf(out, "%s\nsha256 %s\n", visible(a.file.Path), a.file.Digest)
	for _, line := range changeLines(a.changes, "narrows", true, maxNarrowing) {
		fmt.Fprintln(out, line)
	}
	store := trustStore()
	switch {
	case !policy.Widens(a.changes):
		fmt.Fprintln(c.ErrOrStderr(), "jailed-claude: it grants nothing beyond your own policy, and applies without approval")
		return nil
	case store.Lookup(a.file):
		fmt.Fprintln(c.ErrOrStderr(), "jailed-claude: it is approved already")
		return nil
	case !yes && !isTerminal(os.Stdin):
		return hint(errors.New("nobody can be asked: standard input is no terminal"), "read the file, then approve it: "+command)
	case !yes && !confirmed(c, fmt.Sprintf("approve %d that widen the jail? [y/N] ", widening(a.changes))):
		return errors.New("not approved")
	}
	if err := store.Approve(a.file, time.Now()); err != nil {
		return err
	}
	fmt.Fprintf(c.ErrOrStderr(), "jailed-claude: approved, until the file changes\n")
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
	path, err := trust.Path(dir)
	if err != nil {
		return err
	}
	n := 0
	for _, p := range []string{path, filepath.Join(filepath.Dir(path), lock.Name)} {
		k, err := trustStore().Revoke(p)
		if err != nil {
			return err
		}
		n += k
	}
	if n == 0 {
		return fmt.Errorf("%q was not approved", path)
	}
	fmt.Fprintf(c.ErrOrStderr(), "jailed-claude: %d approval(s) of %q taken back\n", n, path)
	return nil
}

// approval is one line of --list.
type approval struct {
	trust.Entry
	// State is "applies", "changed" since, or "gone".
	State string `json:"state"`
}

func listTrust(c *cobra.Command, asJSON bool) error {
	entries, err := trustStore().List()
	if err != nil {
		return err
	}
	list := []approval{}
	for _, e := range entries {
		a := approval{Entry: e, State: "applies"}
		if filepath.Base(e.Path) == lock.Name {
			_, text, err := lock.Read(e.Path)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				a.State = "gone"
			case err != nil || trust.Digest(text) != e.Digest:
				a.State = "changed"
			}
			list = append(list, a)
			continue
		}
		switch f, err := trust.Read(filepath.Dir(e.Path)); {
		case err == nil && f == nil:
			a.State = "gone"
		case err != nil || f.Path != e.Path || f.Digest != e.Digest:
			a.State = "changed"
		}
		list = append(list, a)
	}
	if asJSON {
		return printJSON(c.OutOrStdout(), list)
	}
	if len(list) == 0 {
		fmt.Fprintln(c.ErrOrStderr(), "jailed-claude: nothing is approved")
		return nil
	}
	t := tabwriter.NewWriter(c.OutOrStdout(), 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "SHA256\tAPPROVED\tSTATE\tFILE")
	for _, a := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", visible(fmt.Sprintf("%.12s", a.Digest)), a.Approved.Format(time.DateOnly), a.State, visible(a.Path))
	}
	return t.Flush()
}
