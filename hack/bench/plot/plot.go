// Package plot draws figures of the benchmark.
//
// What does not belong here: measuring, tables.
package plot

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/jailed-claude/jailed-claude/hack/bench/proc"
	"github.com/jailed-claude/jailed-claude/hack/bench/report"
)

// Size of the plot and of the frame in it, in pixels.
const (
	plotWidth, plotHeight                  = 860, 480
	frameLeft, frameTop, frameW, frameHigh = 64, 48, 560, 376
)

// Line is how a column is drawn.
type Line struct{ Column, Colour, Dash string }

// Startup draws start-up over the number of store paths, as SVG. Both
// scales are logarithmic: the figures lie orders of magnitude apart.
func Startup(t *report.Table, lines []Line) string {
	var s strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&s, format+"\n", args...) }
	var sizes []float64
	low, high := math.Inf(1), 0.0
	for _, r := range t.Rows {
		sizes = append(sizes, proc.Number(r.Name))
		for _, l := range lines {
			if v, ok := t.Value(r.Name, l.Column); ok && v > 0 {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	p(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`, plotWidth, plotHeight)
	p(`<rect width="100%%" height="100%%" fill="#fff"/>`)
	if high == 0 {
		p(`<text x="20" y="40">no figures</text></svg>`)
		return s.String()
	}
	bottom, top := step(low, false), step(high, true)
	if top <= bottom {
		top = bottom * 10
	}
	first, last := slices.Min(sizes), slices.Max(sizes)
	x := func(n float64) float64 {
		if first <= 0 || last <= first {
			return frameLeft + frameW/2
		}
		return frameLeft + frameW*math.Log(n/first)/math.Log(last/first)
	}
	y := func(v float64) float64 {
		return frameTop + frameHigh*(1-math.Log10(v/bottom)/math.Log10(top/bottom))
	}
	p(`<text x="%d" y="26" font-size="16">Start-up of a jail, in ms, over the number of its store paths</text>`, frameLeft)
	for v := bottom; v < top*1.01; v = step(v*1.1, true) {
		p(`<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/>`, frameLeft, frameLeft+frameW, y(v), y(v))
		p(`<text x="%d" y="%.1f" text-anchor="end" fill="#444">%s</text>`, frameLeft-8, y(v)+4.5, strconv.FormatFloat(v, 'f', -1, 64))
	}
	for _, n := range sizes {
		p(`<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#ddd"/>`, x(n), x(n), frameTop, frameTop+frameHigh)
		p(`<text x="%.1f" y="%d" text-anchor="middle" fill="#444">%.0f</text>`, x(n), frameTop+frameHigh+18, n)
	}
	p(`<text x="%d" y="%d" text-anchor="middle" fill="#444">store paths; both scales are logarithmic</text>`, frameLeft+frameW/2, frameTop+frameHigh+40)
	var labels []label
	for _, l := range lines {
		var points []string
		var end label
		for _, r := range t.Rows {
			if v, ok := t.Value(r.Name, l.Column); ok && v > 0 {
				at := fmt.Sprintf("%.1f,%.1f", x(proc.Number(r.Name)), y(v))
				points = append(points, at)
				p(`<circle cx="%s" cy="%s" r="3" fill="%s"/>`, at[:strings.IndexByte(at, ',')], at[strings.IndexByte(at, ',')+1:], l.Colour)
				end = label{l.Column + ", " + report.Figure(v, true), l.Colour, y(v), y(v)}
			}
		}
		if len(points) > 0 {
			p(`<polyline points="%s" fill="none" stroke="%s" stroke-width="2" stroke-dasharray="%s"/>`, strings.Join(points, " "), l.Colour, l.Dash)
			labels = append(labels, end)
		}
	}
	for _, l := range spread(labels, 17, frameTop+4, frameTop+frameHigh) {
		p(`<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="%s" stroke-width="0.7"/>`, frameLeft+frameW+4, frameLeft+frameW+20, l.from, l.y, l.colour)
		p(`<text x="%d" y="%.1f" fill="%s">%s</text>`, frameLeft+frameW+24, l.y+4.5, l.colour, l.text)
	}
	p(`</svg>`)
	return s.String()
}

// step is the next of 1, 2, 5, 10, 20, … that is v or more, or v or less.
func step(v float64, up bool) float64 {
	decade := math.Pow(10, math.Floor(math.Log10(v)))
	steps := []float64{1, 2, 5, 10}
	if up {
		for _, f := range steps {
			if decade*f >= v*0.9999 {
				return decade * f
			}
		}
	}
	for _, f := range slices.Backward(steps) {
		if decade*f <= v*1.0001 {
			return decade * f
		}
	}
	return decade
}

// label stands beside the end of a line, whose height is from.
type label struct {
	text, colour string
	from, y      float64
}

// spread moves labels apart so that none covers another, from top to bottom.
func spread(all []label, gap, top, bottom float64) []label {
	slices.SortStableFunc(all, func(a, b label) int { return int(math.Copysign(1, a.y-b.y)) })
	at := top - gap
	for i := range all {
		all[i].y = max(all[i].y, at+gap)
		at = all[i].y
	}
	at = bottom + gap
	for i := len(all) - 1; i >= 0; i-- {
		all[i].y = min(all[i].y, at-gap)
		at = all[i].y
	}
	return all
}
