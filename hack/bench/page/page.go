// Package page writes what was measured into a page in Markdown.
//
// What does not belong here: measuring, and which parts there are.
package page

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/hack/bench/report"
)

// Begin and end are marks: "<!-- bench NAME -->" and "<!-- end -->" have between
// them what NAME stands for.
const (
	Begin = "<!-- bench "
	end   = "<!-- end -->"
)

// Renew replaces what is between the marks by what now says of each name. Where
// that is nothing, it stays as it is.
func Renew(text string, now func(name string) (string, error)) (string, error) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, Begin)
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		name, rest, found := strings.Cut(rest, " -->\n")
		if !found {
			return "", fmt.Errorf("a mark without an end: %.40q", rest)
		}
		old, rest, found := strings.Cut(rest, end)
		if !found {
			return "", fmt.Errorf("%q has no %s", name, end)
		}
		is, err := now(name)
		if err != nil {
			return "", err
		}
		if is == "" {
			is = old
		}
		out.WriteString(Begin + name + " -->\n" + is + end)
		text = rest
	}
}

// Machine is a sentence about where it was measured.
func Machine(m report.Machine) string {
	var v []string
	for name, version := range m.Versions {
		v = append(v, name+" ("+version+")")
	}
	slices.Sort(v)
	return fmt.Sprintf("%s, %d CPUs, %.1f GiB of memory, Linux %s; as the user %s. Versions: %s.\n",
		m.CPU, m.CPUs, float64(m.MemoryMB)/1024, m.Kernel, m.User, strings.Join(v, ", "))
}

// Table is a table with its caption and notes.
func Table(t *report.Table) string {
	s := t.Caption() + ":\n\n" + Grid(t.Grid())
	if notes := slices.Concat(t.Notes, t.Missing()); len(notes) > 0 {
		s += "\n- " + strings.Join(notes, "\n- ") + "\n"
	}
	return s
}

// Grid is a grid as a table, the first column to the left.
func Grid(grid [][]string) string {
	var s strings.Builder
	for i, line := range grid {
		s.WriteString("| " + strings.Join(line, " | ") + " |\n")
		if i == 0 {
			s.WriteString("|---|" + strings.Repeat("---:|", len(line)-1) + "\n")
		}
	}
	return s.String()
}
