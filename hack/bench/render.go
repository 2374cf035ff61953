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

	"github.com/jailed-claude/jailed-claude/hack/bench/page"
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

// renew replaces what a report has in the text of a page. A table that was not
// measured keeps what is there.
func renew(text string, r *report.Report) (string, error) {
	return page.Renew(text, func(name string) (string, error) {
		switch t := r.Table(name); {
		case name == "machine":
			return page.Machine(r.Machine), nil
		case name == "goals":
			return page.Grid(goalGrid(r)), nil
		case t.Name != "":
			return page.Table(t), nil
		case !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }):
			return "", errors.New("there is no table " + name)
		}
		return "", nil
	})
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
