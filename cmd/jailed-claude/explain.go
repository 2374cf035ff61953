package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

func newExplain() *cobra.Command {
	var f jailFlags
	var asJSON, diff bool
	c := &cobra.Command{
		Use:   "explain [flags] | explain --diff A B",
		Short: "Show every grant, where it comes from, and why",
		Long: `Show all that the jail may see and do here: every grant, the policy that it came
from, and what it is for. What is not listed is not granted.

With --diff, show how B differs from A, what widens the jail first. Both are
policy files, or both are config.json files or bundles; /dev/null is the policy
that says nothing.`,
		Example: `  jailed-claude explain
  jailed-claude explain --write ~/.cache/go-build
  jailed-claude explain --json | jq '.[] | select(.mode == "rw")'
  jailed-claude explain --diff ~/.config/jailed-claude/config.toml .jailed-claude.toml
  jailed-claude explain --diff --json old/config.json new/config.json | jq '.[] | select(.widens)'`,
		Args: func(c *cobra.Command, args []string) error {
			switch {
			case diff && len(args) != 2:
				return hint(errors.New("--diff compares two files"), "jailed-claude explain --diff A B")
			case !diff:
				return cobra.NoArgs(c, args)
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if diff {
				return printDiff(c.OutOrStdout(), c.ErrOrStderr(), args[0], args[1], asJSON)
			}
			in, err := f.plan(c.Context(), c, wanted{noAgent: true, look: true})
			if err != nil {
				return err
			}
			if in.Closure.Agent == "" {
				in.Command = []string{"sh"}
			}
			grants, err := spec.Explain(*in)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), grants)
			}
			return printGrants(c.OutOrStdout(), grants)
		},
	}
	f.register(c)
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	c.Flags().BoolVar(&diff, "diff", false, "compare two policy files, or two config.json files")
	return c
}

// compared is a file that --diff was given: a policy or a config.json.
type compared struct {
	text  []byte
	layer *policy.Layer
}

// maxCompared is far more than a config.json of thousands of store paths has.
const maxCompared = 64 << 20

func readCompared(file string) (*compared, error) {
	if fi, err := os.Stat(file); err == nil && fi.IsDir() {
		file = filepath.Join(file, "config.json")
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxCompared+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxCompared {
		return nil, fmt.Errorf("%q is larger than %d MiB", file, maxCompared>>20)
	}
	// TOML has no line that begins like that.
	if strings.HasPrefix(strings.TrimLeft(string(text), " \t\r\n"), "{") {
		return &compared{text: text}, nil
	}
	if len(text) == 0 {
		return &compared{layer: &policy.Layer{Name: file}}, nil
	}
	l, err := policy.Parse(visible(file), text)
	return &compared{layer: l}, err
}

func printDiff(stdout, stderr io.Writer, a, b string, asJSON bool) error {
	from, err := readCompared(a)
	if err != nil {
		return err
	}
	to, err := readCompared(b)
	if err != nil {
		return err
	}
	var changes []policy.Change
	other := "narrows"
	switch {
	case (from.layer == nil) != (to.layer == nil):
		return hint(errors.New("one is a policy and the other a config.json"), "name two of the same kind; jailed-claude spec --policy FILE makes a config.json")
	case from.layer != nil:
		x, err := policy.Merge(from.layer)
		if err != nil {
			return err
		}
		y, err := policy.Merge(to.layer)
		if err != nil {
			return err
		}
		changes = policy.Compare(x, y)
	default:
		other = "-"
		if changes, err = spec.Compare(from.text, to.text); err != nil {
			return err
		}
	}
	if asJSON {
		return printJSON(stdout, append([]policy.Change{}, changes...))
	}
	if len(changes) == 0 {
		fmt.Fprintln(stderr, "jailed-claude: they grant the same")
	}
	for _, line := range changeLines(changes, other, true, len(changes)) {
		fmt.Fprintln(stdout, line)
	}
	return nil
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func printGrants(w io.Writer, grants []spec.Grant) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "KIND\tWHAT\tMODE\tFROM\tWHY")
	for _, g := range grants {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", g.Kind, visible(g.What), g.Mode, visible(g.From), visible(g.Why))
	}
	return t.Flush()
}

// visible quotes what could move the cursor, forge a line or be read in another
// order than it is: names of files are the project's, not ours.
func visible(s string) string {
	for _, r := range s {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return strconv.Quote(s)
		}
	}
	return s
}
