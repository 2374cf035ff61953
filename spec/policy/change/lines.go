package change

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// LineOptions say how Lines shows changes.
type LineOptions struct {
	// Other is what a change is called that does not widen.
	Other string
	// Values shows the values of variables.
	Values bool
	// Most bounds how many changes are shown that do not widen.
	Most int
}

// Lines shows changes, what widens first as Sort has them, one a line and
// indented. Everything that a file says is quoted: its author may not be the
// reader's friend.
func Lines(changes []Change, o LineOptions) []string {
	shown := changes[:min(len(changes), Widening(changes)+o.Most)]
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	// One long value must not push the reasons of all off the screen.
	const long = 60
	align := "\t"
	for _, c := range shown {
		if len(c.text(o.Values)) > long {
			align = "  "
		}
	}
	for _, c := range shown {
		word := o.Other
		if c.Widens {
			word = "widens"
		}
		fmt.Fprintf(t, "  %s\t%s\t%s%s%s\n", word, c.Key, c.text(o.Values), align, c.Why)
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

// text is what has changed: `+ "/a"`, `- "/a"` or `"none" -> "host"`.
func (c Change) text(values bool) string {
	element := strconv.Quote(c.Element)
	variable := c.Key == "env.set" || c.Key == "agent.define" // whose text has variables
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

// Widening counts the changes that widen; they come first.
func Widening(changes []Change) int {
	n := slices.IndexFunc(changes, func(c Change) bool { return !c.Widens })
	if n < 0 {
		return len(changes)
	}
	return n
}
