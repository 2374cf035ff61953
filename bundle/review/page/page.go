package page

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/internal/show"
)

// Page is what the page says.
type Page struct {
	Title, Since, Digest string
	Notes                []string
	// Counts are the tiles at the top.
	Counts   []Count
	Sections []Section
	// Git are lines about commits, branches and config.
	Git []string
	// Network is what the jail reached, in the order of time.
	Network []Decision
}

// Count is a number and what it counts.
type Count struct {
	Number int
	What   string
	// Alert: it is worth a look if it is not 0.
	Alert bool
}

// Section is a list of changes.
type Section struct {
	Title string
	// Held: it waits for a yes.
	Held  bool
	Items []Item
}

// Item is one change.
type Item struct {
	Line, Why string
	Remarks   []string
	// Diff is a unified diff.
	Diff string
	// Closed: the diff is opened by a click.
	Closed bool
}

// Decision is one of the network's.
type Decision struct {
	Time      time.Time
	Allowed   bool
	What, Why string
}

//go:embed page.html
var text string

// line is one of a diff.
type line struct{ Class, Text string }

func lines(diff string) (all []line) {
	for l := range strings.Lines(diff) {
		l = strings.TrimSuffix(l, "\n")
		class := ""
		switch {
		case strings.HasPrefix(l, "+"):
			class = "add"
		case strings.HasPrefix(l, "-"):
			class = "del"
		case strings.HasPrefix(l, "@@"):
			class = "at"
		}
		all = append(all, line{class, l})
	}
	return all
}

// dot is a decision on the time line.
type dot struct {
	X, Y  int
	Class string
	Title string
}

// tick is a time below the line.
type tick struct {
	X    int
	Text string
}

// timeline is the picture of the network's decisions.
type timeline struct {
	Dots  []dot
	Ticks []tick
}

// Of the time line, in units of its own.
const (
	left, right   = 80, 950
	allowed, deny = 30, 70
)

func (p Page) Timeline() timeline { //nolint:revive // only the template calls it
	var t timeline
	if len(p.Network) == 0 {
		return t
	}
	first, last := p.Network[0].Time, p.Network[len(p.Network)-1].Time
	span := max(last.Sub(first), time.Second)
	at := func(when time.Time) int { return left + int(int64(right-left)*int64(when.Sub(first))/int64(span)) }
	seen := map[dot]int{}
	for _, d := range p.Network {
		o := dot{X: at(d.Time), Y: allowed, Class: "yes"}
		if !d.Allowed {
			o.Y, o.Class = deny, "no"
		}
		// Many at one place are one dot.
		if i, ok := seen[o]; ok {
			if title := &t.Dots[i].Title; len(*title) < 500 {
				*title += "\n" + d.text()
			}
			continue
		}
		seen[o] = len(t.Dots)
		o.Title = d.text()
		t.Dots = append(t.Dots, o)
	}
	const ticks = 4
	for i := range ticks + 1 {
		when := first.Add(span * time.Duration(i) / ticks)
		t.Ticks = append(t.Ticks, tick{at(when), when.Local().Format(time.TimeOnly)})
	}
	return t
}

func (d Decision) text() string {
	return strings.TrimSpace(d.Time.Local().Format(time.TimeOnly) + " " + show.Line(d.What) + " " + show.Line(d.Why))
}

// Refused are what was refused, each once, with how often.
func (p Page) Refused() []string { return p.summed(false) }

// Reached are what was allowed.
func (p Page) Reached() []string { return p.summed(true) }

func (p Page) summed(ok bool) (all []string) {
	times := map[string]int{}
	for _, d := range p.Network {
		if d.Allowed == ok {
			s := show.Line(d.What)
			if d.Why != "" {
				s += ": " + show.Line(d.Why)
			}
			times[s]++
		}
	}
	for s, n := range times {
		if n > 1 {
			s = fmt.Sprintf("%s (%d times)", s, n)
		}
		all = append(all, s)
	}
	slices.Sort(all)
	return all
}

// Write writes the page.
func Write(w io.Writer, p Page) error {
	t, err := template.New("page").Funcs(template.FuncMap{"lines": lines}).Parse(text)
	if err != nil {
		return err
	}
	return t.Execute(w, p)
}
