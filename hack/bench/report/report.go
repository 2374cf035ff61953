// Package report is what was measured: tables, as JSON and as text.
//
// What does not belong here: measuring, and what a figure means.
package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is the JSON file: every measurement that was made, and where.
type Report struct {
	Machine Machine `json:"machine"`
	Tables  []Table `json:"tables"`
}

// Table is what one part of the benchmark measured: rows are what was asked,
// columns are who did it.
type Table struct {
	// Name is the part's, which renders and goals look for.
	Name  string `json:"name"`
	Title string `json:"title"`
	// Head stands above the names of the rows.
	Head string `json:"head"`
	// Unit of the rows that have none of their own.
	Unit    string   `json:"unit,omitempty"`
	Columns []string `json:"columns"`
	Rows    []Row    `json:"rows"`
	// Of is the column that is compared: its figure divided by each other one.
	Of string `json:"of,omitempty"`
	// Against are the columns it is compared with; none for no ratios.
	Against []string  `json:"against,omitempty"`
	Notes   []string  `json:"notes,omitempty"`
	Time    time.Time `json:"time"`
	// Load is the machine's over one minute when the part began.
	Load   string `json:"load"`
	Rounds int    `json:"rounds"`
}

// Row is what one candidate did in a table.
type Row struct {
	Name  string           `json:"name"`
	Unit  string           `json:"unit,omitempty"`
	Cells map[string]*Cell `json:"cells"`
}

// Cell is one figure.
type Cell struct {
	// All measurements, in the order they were made.
	All    []float64 `json:"all"`
	Median float64   `json:"median"`
	// Failed are the measurements that failed, and Why the last of them did.
	Failed int    `json:"failed,omitempty"`
	Why    string `json:"why,omitempty"`
}

// Known reports whether most measurements did not fail, so that the median is one.
func (c *Cell) Known() bool { return c != nil && len(c.All) > c.Failed }

// Add notes a measurement, or why there is none.
func (t *Table) Add(rowName, column string, v float64, err error) {
	i := slices.IndexFunc(t.Rows, func(r Row) bool { return r.Name == rowName })
	if i < 0 {
		t.Rows = append(t.Rows, Row{Name: rowName})
		i = len(t.Rows) - 1
	}
	if t.Rows[i].Cells == nil {
		t.Rows[i].Cells = map[string]*Cell{}
	}
	c := t.Rows[i].Cells[column]
	if c == nil {
		c = &Cell{All: []float64{}}
		t.Rows[i].Cells[column] = c
	}
	if err != nil {
		c.Failed++
		c.Why, _, _ = strings.Cut(err.Error(), "\n")
		return
	}
	c.All = append(c.All, math.Round(v*1000)/1000)
	c.Median = Median(c.All)
}

// Broken says that there is no use in trying again.
func (t *Table) Broken(rowName, column string) bool {
	for _, r := range t.Rows {
		if c := r.Cells[column]; r.Name == rowName && c != nil {
			return c.Failed > 0 && !c.Known()
		}
	}
	return false
}

// Value is the median of a cell.
func (t *Table) Value(rowName, column string) (float64, bool) {
	for _, r := range t.Rows {
		if c := r.Cells[column]; r.Name == rowName && c.Known() {
			return c.Median, true
		}
	}
	return 0, false
}

// Table is the table of that name, or nil.
func (r *Report) Table(name string) *Table {
	for i := range r.Tables {
		if r.Tables[i].Name == name {
			return &r.Tables[i]
		}
	}
	return &Table{}
}

// Put adds a table, in the place of the one of that name.
func (r *Report) Put(t Table) {
	if old := r.Table(t.Name); old.Name != "" {
		*old = t
		return
	}
	r.Tables = append(r.Tables, t)
}

// Median is the middle one of the values.
func Median(all []float64) float64 { return Quantile(all, 0.5) }

// Quantile q (0 to 1) of all, between the two nearest where it falls between.
func Quantile(all []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	if len(sorted) == 0 {
		return 0
	}
	at := q * float64(len(sorted)-1)
	low := int(at)
	if low+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}

// Grid is the table as text: the head and the rows.
func (t *Table) Grid() [][]string {
	head := append([]string{t.Head}, t.Columns...)
	for _, c := range t.Against {
		head = append(head, "÷ "+c)
	}
	all := [][]string{head}
	for _, r := range t.Rows {
		name := r.Name
		if r.Unit != "" {
			name += ", " + r.Unit
		}
		line := []string{name}
		for _, c := range t.Columns {
			v, ok := t.Value(r.Name, c)
			line = append(line, Figure(v, ok))
		}
		for _, c := range t.Against {
			a, ok := t.Value(r.Name, t.Of)
			b, known := t.Value(r.Name, c)
			line = append(line, Figure(a/b, ok && known && b > 0))
		}
		all = append(all, line)
	}
	return all
}

// Figure has three digits that mean something.
func Figure(v float64, known bool) string {
	switch {
	case !known:
		return "-"
	case v >= 99.95 || v == math.Trunc(v):
		return fmt.Sprintf("%.0f", v)
	default:
		return fmt.Sprintf("%#.3g", v)
	}
}

// Caption is the line above a table.
func (t *Table) Caption() string {
	s := t.Title
	if t.Unit != "" {
		s += ", in " + t.Unit
	}
	return fmt.Sprintf("%s (median of %d; %s, load %s)", s, t.Rounds, t.Time.Format(time.DateOnly), t.Load)
}

// Missing are the reasons of measurements that failed.
func (t *Table) Missing() []string {
	var all []string
	for _, r := range t.Rows {
		for _, c := range t.Columns {
			if cell := r.Cells[c]; cell != nil && cell.Failed > 0 {
				all = append(all, fmt.Sprintf("%s, %s: %d of %d failed: %s", c, r.Name, cell.Failed, cell.Failed+len(cell.All), cell.Why))
			}
		}
	}
	return all
}

// WriteText writes the table for a terminal.
func (t *Table) WriteText(out io.Writer) error {
	_, _ = fmt.Fprintf(out, "\n%s\n\n", t.Caption())
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, line := range t.Grid() {
		_, _ = fmt.Fprintln(w, strings.Join(line, "\t")+"\t")
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, s := range slices.Concat(t.Notes, t.Missing()) {
		_, _ = fmt.Fprintln(out, "  "+s)
	}
	return nil
}

// Load reads a report that Save wrote.
func Load(name string) (*Report, error) {
	r := new(Report)
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	} else if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// Save writes the report to a file.
func (r *Report) Save(name string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644) //nolint:gosec // figures for all to read
}

// Machine is where it was measured, and with which versions.
type Machine struct {
	CPU      string            `json:"cpu"`
	CPUs     int               `json:"cpus"`
	MemoryMB int               `json:"memory_mb"`
	Kernel   string            `json:"kernel"`
	User     string            `json:"user"`
	Versions map[string]string `json:"versions"`
}

// Units gives rows their own.
func (t *Table) Units(unit string, rows ...string) {
	for i := range t.Rows {
		for _, name := range rows {
			if t.Rows[i].Name == name {
				t.Rows[i].Unit = unit
			}
		}
	}
}

// Millis is a duration in milliseconds, as figures have it.
func Millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
