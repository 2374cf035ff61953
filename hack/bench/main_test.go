package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		all  []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := median(c.all); got != c.want {
			t.Errorf("median of %v: %v, want %v", c.all, got, c.want)
		}
	}
}

// A candidate that does not run has no figure and no ratio, and its reason
// stands below the table.
func TestTable(t *testing.T) {
	r := report{Rounds: 3, Machine: machine{CPU: "c", CPUs: 2, Kernel: "6"}, Sizes: []size{{
		Paths:  300,
		Median: map[string]float64{"floor": 5, "bwrap": 160, "runc": 80, ours: 40},
		Broken: map[string]string{"crun": "exit status 1: no cgroups"},
	}}}
	var out bytes.Buffer
	if err := r.writeTable(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	row := strings.Join(strings.Fields(lines[len(lines)-2]), " ")
	if want := "300 5.0 160.0 - 80.0 40.0 8.00 0.25 - 0.50"; row != want {
		t.Errorf("row %q, want %q", row, want)
	}
	if last := lines[len(lines)-1]; last != "crun does not run at 300 paths: exit status 1: no cgroups" {
		t.Errorf("last line %q", last)
	}
}

func TestMeasureKeepsTheLastLine(t *testing.T) {
	dir := t.TempDir()
	_, err := measure(dir, []string{"/bin/sh", "-c", "exit 0"})
	if err == nil {
		t.Error("ran without its project folder")
	}
}
