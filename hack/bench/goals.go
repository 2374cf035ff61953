package main

import (
	"strconv"

	"github.com/jailed-claude/jailed-claude/hack/bench/agents"
	"github.com/jailed-claude/jailed-claude/hack/bench/report"
)

// goal is a figure that was set before anything was built.
type goal struct {
	what  string
	limit float64
	// least: the figure has to be the limit or more, not less.
	least bool
	unit  string
	// figure of a report; false if it was not measured.
	figure func(*report.Report) (float64, bool)
}

// ratio is one cell of a table divided by another one.
func ratio(name, rowName, a, b string) func(*report.Report) (float64, bool) {
	return func(r *report.Report) (float64, bool) {
		t := r.Table(name)
		x, ok := t.Value(rowName, a)
		y, known := t.Value(rowName, b)
		return x / y, ok && known && y > 0
	}
}

// rows is one row of a table divided by another one, both ours.
func rows(name, a, b string) func(*report.Report) (float64, bool) {
	return func(r *report.Report) (float64, bool) {
		x, ok := r.Table(name).Value(a, ours)
		y, known := r.Table(name).Value(b, ours)
		return x / y, ok && known && y > 0
	}
}

// beyond is how much more one row of the sessions is than another one.
func beyond(a, b string) func(*report.Report) (float64, bool) {
	return func(r *report.Report) (float64, bool) {
		x, ok := r.Table("sessions").Value(a, ours)
		y, known := r.Table("sessions").Value(b, ours)
		return max(0, x-y), ok && known
	}
}

// growth is what a store path costs, in milliseconds.
func growth(t *report.Table, column string, from, to int) (float64, bool) {
	a, ok := t.Value(strconv.Itoa(from), column)
	b, known := t.Value(strconv.Itoa(to), column)
	return (b - a) / float64(to-from), ok && known
}

var goals = []goal{
	{what: "start-up, jailed-claude / bubblewrap, 37 paths", limit: 1.6, figure: ratio("startup", "37", ours, bwrap)},
	{what: "the same, 300 paths", limit: 0.2, figure: ratio("startup", "300", ours, bwrap)},
	{what: "the same, 600 paths", limit: 0.07, figure: ratio("startup", "600", ours, bwrap)},
	{what: "jailed-claude / crun with hooks, 300 paths", limit: 0.6, figure: ratio("startup", "300", ours, crunHooks)},
	{what: "jailed-claude / `runc run` with hooks, 300 paths", limit: 0.35, figure: ratio("startup", "300", ours, runcHooks)},
	{what: "both with `--net none`: jailed-claude / crun, 300 paths", limit: 0.6, figure: ratio("startup", "300", oursNone, crun)},
	{what: "both with `--net none`: jailed-claude / `runc run`, 300 paths", limit: 0.35, figure: ratio("startup", "300", oursNone, runc)},
	{what: "`run --runtime runc` / `runc run` of the same bundle, 37 paths", limit: 1.15, figure: ratio("startup", "37", oursRunc, runc)},
	{what: "`run --runtime crun` / `crun run` of the same bundle, 37 paths", limit: 1.15, figure: ratio("startup", "37", oursCrun, crun)},
	{what: "jailed-claude / floor, 300 paths", limit: 4, figure: ratio("startup", "300", ours, floor)},
	{what: "growth for each path, 300 to 2,000, jailed-claude / floor", limit: 2, figure: func(r *report.Report) (float64, bool) {
		a, ok := growth(r.Table("startup"), ours, 300, 2000)
		b, known := growth(r.Table("startup"), floor, 300, 2000)
		return a / b, ok && known && b > 0
	}},
	{what: "srt / jailed-claude, start-up", limit: 10, least: true, figure: ratio("startup", strconv.Itoa(srtSize), srt, ours)},
	{what: "resident memory beside an idle agent", limit: 15, unit: "MiB", figure: func(r *report.Report) (float64, bool) { return r.Table("memory").Value(idleRSS, ours) }},
	{what: "`true` by exec / a start", limit: 0.5, figure: rows("sessions", execRow, startRow)},
	{what: "attach, to the first screen", limit: 20, unit: "ms", figure: func(r *report.Report) (float64, bool) { return r.Table("sessions").Value(attachRow, ours) }},
	{what: "list of 200 jails", limit: 30, unit: "ms", figure: func(r *report.Report) (float64, bool) { return r.Table("sessions").Value(listMany, ours) }},
	{what: "a detached jail, beyond one on a terminal", limit: 1, unit: "MiB", figure: beyond(detachedMemory, frontMemory)},
	{what: "the same, processor time in 10 s", limit: 1, unit: "ms", figure: beyond(detachedTime, frontTime)},
	{what: "`claude -p` turn, jailed / unjailed", limit: 1.05, figure: ratio("turn", turnRow, ours, unjailed)},
	{what: "first screen of codex, jailed / unjailed", limit: 1.05, figure: ratio("screens", "codex", ours, unjailed)},
	{what: "the same, gemini", limit: 1.05, figure: ratio("screens", "gemini", ours, unjailed)},
	{what: "the same, opencode", limit: 1.05, figure: ratio("screens", "opencode", ours, unjailed)},
	{what: "the same, claude", limit: 1.05, figure: ratio("screens", "claude", ours, unjailed)},
	{what: "a turn of codex by the broker, jailed / unjailed with the key", limit: 1.1, figure: ratio("codex", agents.TurnRow, agents.Jailed, agents.Unjailed)},
	{what: "npm ci, in a layer / on the files", limit: 1.1, figure: ratio("layer", npmRow, inLayer, onFiles)},
	{what: "the same, go build", limit: 1.1, figure: ratio("layer", buildRow, inLayer, onFiles)},
	{what: "10,000 changed files to the host, review --apply / rsync -a", limit: 1, figure: ratio("layer", applyRow, inLayer, rsync)},
	{what: "terminal, text, jailed-claude / relay in C", limit: 0.8, least: true, figure: ratio("tty", "text", ours, relayC)},
	{what: "terminal, colours, jailed-claude / relay in C", limit: 0.8, least: true, figure: ratio("tty", "colours", ours, relayC)},
}

// goalGrid is the table of goals.
func goalGrid(r *report.Report) [][]string {
	all := [][]string{{"what", "goal", "measured", "reached"}}
	for _, g := range goals {
		limit := "at most "
		if g.least {
			limit = "at least "
		}
		limit += strconv.FormatFloat(g.limit, 'g', -1, 64)
		v, known := g.figure(r)
		reached := "-"
		if known {
			reached = map[bool]string{true: "yes", false: "no"}[v == g.limit || v < g.limit != g.least]
		}
		unit := ""
		if g.unit != "" {
			unit = " " + g.unit
		}
		all = append(all, []string{g.what, limit + unit, report.Figure(v, known), reached})
	}
	return all
}
