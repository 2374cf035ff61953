package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/trust"
)

// asked is a project's policy file and what it asks for.
type asked struct {
	file  *trust.File
	layer *policy.Layer
	// changes are the differences to the user's own policy.
	changes []policy.Change
}

// askedBy reads the policy file of a project, once; nil if it has none. All
// that follows is about the bytes that were read. name is the file as the user
// would write it.
func askedBy(dir, name string, user []*policy.Layer) (*asked, error) {
	f, err := trust.Read(dir)
	if errors.Is(err, trust.ErrFile) {
		return nil, hint(err, "to leave it out: --policy none")
	}
	if err != nil || f == nil {
		return nil, err
	}
	l, err := policy.ParseProject(visible(name), f.Text)
	if err != nil {
		return nil, err
	}
	base, err := policy.Merge(user...)
	if err != nil {
		return nil, err
	}
	with, err := policy.Merge(append(slices.Clip(user), l)...)
	if err != nil {
		return nil, err
	}
	return &asked{file: f, layer: l, changes: policy.Compare(base, with)}, nil
}

// projectLayer is the policy of the project, if it has one and it may apply: it
// takes away only, or the user approved exactly these bytes.
func (f *jailFlags) projectLayer(dir string, user []*policy.Layer) (*policy.Layer, error) {
	a, err := askedBy(dir, filepath.Join(f.project, trust.Name), user)
	if err != nil || a == nil {
		return nil, err
	}
	if !policy.Widens(a.changes) || trustStore().Lookup(a.file) {
		return a.layer, nil
	}
	text := fmt.Sprintf("this project has a policy of its own, %q, which grants more than yours, and nobody has approved it:", a.file.Path)
	command := "jailed-claude trust"
	if f.project != "" {
		command += " " + shellQuote(f.project)
	}
	return nil, hint(errors.New(strings.Join(append([]string{text}, changeLines(a.changes, "narrows", false, maxNarrowing)...), "\n")),
		"read the file, then approve it: "+command,
		"or leave it out: --policy none")
}

// trustStore is where approvals are kept: beside what jails have of
// jailed-claude's state, never in it.
func trustStore() trust.Store {
	s := trust.Store{Warn: func(err error) { fmt.Fprintf(os.Stderr, "jailed-claude: warning: %v\n", err) }}
	if dir := xdg("XDG_STATE_HOME", ".local/state"); dir != "" {
		s.Dir = filepath.Join(dir, "trust")
	}
	return s
}

// maxNarrowing bounds the lines about what narrows, so that they cannot push
// what widens off the screen.
const maxNarrowing = 20

// changeLines shows changes, one a line, indented. Everything that a file says
// is quoted: its author may not be the reader's friend. values shows those of
// variables, other is what a change is called that does not widen, most bounds
// how many of those are shown.
func changeLines(changes []policy.Change, other string, values bool, most int) []string {
	shown := changes[:min(len(changes), widening(changes)+most)]
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	// One long value must not push the reasons of all off the screen.
	align := "\t"
	for _, c := range shown {
		if len(changeText(c, values)) > 60 {
			align = "  "
		}
	}
	for _, c := range shown {
		word := other
		if c.Widens {
			word = "widens"
		}
		fmt.Fprintf(t, "  %s\t%s\t%s%s%s\n", word, c.Key, changeText(c, values), align, c.Why)
	}
	t.Flush()
	var lines []string
	for line := range strings.Lines(b.String()) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	if more := len(changes) - len(shown); more > 0 {
		lines = append(lines, fmt.Sprintf("  … and %d more that do not widen", more))
	}
	return lines
}

// changeText is what has changed: `+ "/a"`, `- "/a"` or `"none" -> "host"`.
func changeText(c policy.Change, values bool) string {
	element := strconv.Quote(c.Element)
	variable := c.Key == "env.set"
	broker := c.Key == "broker"
	quote := func(s *string) string {
		switch {
		case s == nil:
			return "unset"
		case variable && !values:
			return "…"
		}
		return strconv.Quote(*s)
	}
	switch {
	case c.Element == "":
		return quote(c.From) + " -> " + quote(c.To)
	case broker && c.From == nil:
		return "+ " + element + ": " + quote(c.To)
	case variable && c.From == nil:
		return "+ " + element + " = " + quote(c.To)
	case c.From == nil:
		return "+ " + element
	case c.To == nil:
		return "- " + element
	case *c.From == *c.To || variable && !values:
		return "~ " + element
	}
	return "~ " + element + ": " + quote(c.From) + " -> " + quote(c.To)
}

// widening counts the changes that widen.
func widening(changes []policy.Change) int {
	n := slices.IndexFunc(changes, func(c policy.Change) bool { return !c.Widens })
	if n < 0 {
		return len(changes)
	}
	return n
}
