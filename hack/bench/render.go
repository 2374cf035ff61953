package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/jailed-claude/jailed-claude/hack/bench/plot"
	"github.com/jailed-claude/jailed-claude/hack/bench/report"
)

// render writes what a JSON file holds: tables on stdout, the same into a
// Markdown file, between its marks, and the plot of start-up.
func render(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("render", flag.ContinueOnError)
	flags.SetOutput(stderr)
	file := flags.String("json", "", "what measure wrote")
	doc := flags.String("md", "", "renew the tables in this file")
	picture := flags.String("svg", "", "draw start-up here")
	if err := flags.Parse(args); err != nil {
		return err
	}
	r, err := report.Load(*file)
	if err != nil {
		return err
	}
	if len(r.Tables) == 0 {
		return fmt.Errorf("%q has no figures: make bench writes them", *file)
	}
	for _, t := range r.Tables {
		if err := t.WriteText(stdout); err != nil {
			return err
		}
	}
	if err := writeGoals(stdout, r); err != nil {
		return err
	}
	if *doc != "" {
		text, err := os.ReadFile(*doc)
		if err != nil {
			return err
		}
		renewed, err := renew(string(text), r)
		if err != nil {
			return fmt.Errorf("%s: %w", *doc, err)
		}
		if err := os.WriteFile(*doc, []byte(renewed), 0o644); err != nil { //nolint:gosec // a page for all to read
			return err
		}
	}
	if *picture != "" {
		return os.WriteFile(*picture, []byte(plot.Startup(r.Table("startup"), plotLines)), 0o644) //nolint:gosec // the same
	}
	return nil
}

func writeGoals(out io.Writer, r *report.Report) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w)
	for _, line := range goalGrid(r) {
		_, _ = fmt.Fprintln(w, strings.Join(line, "\t"))
	}
	return w.Flush()
}

// Marks in the Markdown file: "<!-- bench NAME -->" and "<!-- end -->" have
// between them what NAME stands for: "machine", "goals", or a table.
const (
	markBegin = "<!-- bench "
	markEnd   = "<!-- end -->"
)

// renew replaces what is between the marks. A table that was not measured
// keeps what is there.
func renew(text string, r *report.Report) (string, error) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, markBegin)
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		name, rest, found := strings.Cut(rest, " -->\n")
		if !found {
			return "", fmt.Errorf("a mark without an end: %.40q", rest)
		}
		old, rest, found := strings.Cut(rest, markEnd)
		if !found {
			return "", fmt.Errorf("%q has no %s", name, markEnd)
		}
		now := old
		switch t := r.Table(name); {
		case name == "machine":
			now = machineText(r.Machine)
		case name == "goals":
			now = markdown(goalGrid(r))
		case t.Name != "":
			now = tableMarkdown(t)
		case !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }):
			return "", errors.New("there is no table " + name)
		}
		out.WriteString(markBegin + name + " -->\n" + now + markEnd)
		text = rest
	}
}

func machineText(m report.Machine) string {
	var v []string
	for name, version := range m.Versions {
		v = append(v, name+" ("+version+")")
	}
	slices.Sort(v)
	return fmt.Sprintf("%s, %d CPUs, %.1f GiB of memory, Linux %s; as the user %s. Versions: %s.\n",
		m.CPU, m.CPUs, float64(m.MemoryMB)/1024, m.Kernel, m.User, strings.Join(v, ", "))
}

func tableMarkdown(t *report.Table) string {
	s := t.Caption() + ":\n\n" + markdown(t.Grid())
	if notes := slices.Concat(t.Notes, t.Missing()); len(notes) > 0 {
		s += "\n- " + strings.Join(notes, "\n- ") + "\n"
	}
	return s
}

// markdown is a grid as a table, the first column to the left.
func markdown(grid [][]string) string {
	var s strings.Builder
	for i, line := range grid {
		s.WriteString("| " + strings.Join(line, " | ") + " |\n")
		if i == 0 {
			s.WriteString("|---|" + strings.Repeat("---:|", len(line)-1) + "\n")
		}
	}
	return s.String()
}

// plotLines have colours that the colour-blind can tell apart (Okabe and Ito), and
// dashes for a jail without a network.
var plotLines = []plot.Line{
	{Column: bwrap, Colour: "#D55E00"},
	{Column: runcHooks, Colour: "#CC79A7"},
	{Column: runc, Colour: "#CC79A7", Dash: "6 4"},
	{Column: crunHooks, Colour: "#E69F00"},
	{Column: crun, Colour: "#E69F00", Dash: "6 4"},
	{Column: ours, Colour: "#0072B2"},
	{Column: oursNone, Colour: "#0072B2", Dash: "6 4"},
	{Column: floor, Colour: "#555555"},
}
