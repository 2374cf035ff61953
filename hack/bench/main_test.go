package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/bench/page"
	"github.com/jailed-claude/jailed-claude/hack/bench/report"
)

// sample has a figure for each goal that looks at start-up, and a candidate
// that did not run.
func sample() *report.Report {
	t := report.Table{Name: "startup", Title: "Start-up", Head: "paths", Unit: "ms", Columns: []string{floor, bwrap, crun, ours}, Of: ours, Against: []string{floor, bwrap, crun}}
	for _, f := range []struct {
		row, column string
		all         []float64
	}{
		{"300", floor, []float64{9, 10, 11}},
		{"300", bwrap, []float64{160}},
		{"300", ours, []float64{30, 50, 40}},
		{"2000", floor, []float64{44}},
		{"2000", ours, []float64{91}},
	} {
		for _, v := range f.all {
			t.Add(f.row, f.column, v, nil)
		}
	}
	t.Add("300", crun, 0, errors.New("no cgroups\nand more"))
	return &report.Report{Tables: []report.Table{t}, Machine: report.Machine{CPU: "c", CPUs: 2}}
}

func TestGrid(t *testing.T) {
	tab := sample().Table("startup")
	got := tab.Grid()
	for i, want := range []string{"paths floor bwrap crun jailed-claude ÷ floor ÷ bwrap ÷ crun", "300 10 160 - 40 4 0.250 -", "2000 44 - - 91 2.07 - -"} {
		if s := strings.Join(got[i], " "); s != want {
			t.Errorf("line %d: %q, want %q", i, s, want)
		}
	}
	if m := tab.Missing(); len(m) != 1 || m[0] != "crun, 300: 1 of 1 failed: no cgroups" {
		t.Errorf("missing: %q", m)
	}
	if !tab.Broken("300", crun) || tab.Broken("300", ours) || tab.Broken("300", "nobody") {
		t.Error("crun alone is broken")
	}
	// One failure among many takes no figure away.
	tab.Add("300", ours, 0, errors.New("once"))
	if v, ok := tab.Value("300", ours); !ok || v != 40 {
		t.Errorf("after one failure of four: %v %v", v, ok)
	}
	for range 2 {
		tab.Add("300", ours, 0, errors.New("again"))
	}
	if _, ok := tab.Value("300", ours); ok {
		t.Error("a figure although half of the measurements failed")
	}
}

func TestFigure(t *testing.T) {
	for v, want := range map[float64]string{1234.6: "1235", 99.96: "100", 12.34: "12.3", 1.204: "1.20", 0.0697: "0.0697", 4: "4"} {
		if got := report.Figure(v, true); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
	if report.Figure(1, false) != "-" {
		t.Error("an unknown figure")
	}
}

func TestGoals(t *testing.T) {
	lines := map[string][]string{}
	for _, l := range goalGrid(sample()) {
		lines[l[0]] = l[1:]
	}
	for what, want := range map[string]string{
		"the same, 300 paths":                                       "at most 0.2 0.250 no",
		"jailed-claude / floor, 300 paths":                          "at most 4 4 yes",
		"growth for each path, 300 to 2,000, jailed-claude / floor": "at most 2 1.50 yes",
		"the same, 600 paths":                                       "at most 0.07 - -",
		"srt / jailed-claude, start-up":                             "at least 10 - -",
	} {
		if got := strings.Join(lines[what], " "); got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
}

func TestRenew(t *testing.T) {
	r := sample()
	const text = "# T\n<!-- bench startup -->\nold\n<!-- end -->\nprose | stays\n<!-- bench tty -->\nnot measured\n<!-- end -->\n"
	got, err := renew(text, r)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"prose | stays\n", "| 300 | 10 | 160 | - | 40 | 4 | 0.250 | - |\n", "not measured\n", "# T\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in %q", want, got)
		}
	}
	if strings.Contains(got, "old") {
		t.Error("the old table stays")
	}
	if again, err := renew(got, r); err != nil || again != got {
		t.Errorf("not the same the second time (%v):\n%s", err, again)
	}
	for _, bad := range []string{"<!-- bench startup -->\n", "<!-- bench nobody -->\nx\n<!-- end -->", "<!-- bench startup"} {
		if _, err := renew(bad, r); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// TestDocumentation: the page has a place for every table, and nothing that
// cannot be renewed.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../docs/bench.md")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := renew(string(text), sample()); err != nil {
		t.Error(err)
	}
	for _, p := range parts {
		if !bytes.Contains(text, []byte(page.Begin+p.name+" -->\n")) {
			t.Errorf("no place for %s", p.name)
		}
	}
}

// TestReport: a part takes the place of an earlier one, the others stay.
func TestReport(t *testing.T) {
	file := filepath.Join(t.TempDir(), "b.json")
	r, err := report.Load(file)
	if err != nil {
		t.Fatal("no file yet:", err)
	}
	r.Put(report.Table{Name: "tty"})
	r.Put(*sample().Table("startup"))
	r.Put(report.Table{Name: "tty", Title: "new"})
	if err := r.Save(file); err != nil {
		t.Fatal(err)
	}
	if r, err = report.Load(file); err != nil || len(r.Tables) != 2 || r.Table("tty").Title != "new" {
		t.Errorf("%v: %+v", err, r)
	}
	if v, ok := r.Table("startup").Value("300", ours); !ok || v != 40 {
		t.Errorf("read back: %v %v", v, ok)
	}
}

func TestMeasureRefuses(t *testing.T) {
	for _, args := range [][]string{{}, {"nothing"}, {"measure"}, {"measure", "-dir", "x", "-parts", "nosuch"}, {"measure", "-dir", "x", "-rounds", "0"}, {"render", "-json", "/nowhere"}} {
		var out, errs bytes.Buffer
		if run(args, &out, &errs) == 0 || errs.Len() == 0 {
			t.Errorf("%q was taken", args)
		}
	}
}
