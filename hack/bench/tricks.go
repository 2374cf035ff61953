package main

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"syscall"

	"github.com/jailed-claude/jailed-claude/hack/bench/proc"
	"github.com/jailed-claude/jailed-claude/hack/bench/report"
	"github.com/jailed-claude/jailed-claude/runtime/fault"
)

// faulty is jailed-claude with faults, which alone can do without a trick, and
// base another build of ours to compare with (BENCH_BASE).
const (
	faulty = "jailed-claude-faults"
	base   = "jailed-claude-base"
)

// allOn is the row of a start with every trick.
const allOn = "all on"

// situations in which a start is measured.
var situations = []struct {
	name, at string
	busy     int // programs that want a processor all the time
}{
	{"37 paths", "37", 0}, {"300 paths", "300", 0}, {"37 paths, a processor busy", "37", 1},
}

// tricks measures a start without each trick of runtime/quick against one with
// all of them.
func tricks(b *bench) (*report.Table, error) {
	t := report.Table{
		Title: "Start-up without each trick, in ms, and how much longer than with all, in % (± half of what 90 % of resampled rounds cover)",
		Head:  "without", Rounds: b.rounds,
	}
	for _, s := range situations {
		if exists(b.file(s.at)) != nil {
			continue
		}
		b.say("tricks, %s, %d rounds", s.name, b.rounds)
		raw := report.Table{}
		program := proc.ReadLine(b.file(s.at, "true"))
		closure := b.file(s.at, "closure")
		all := []candidate{}
		add := func(name, binary string, env ...string) {
			argv := []string{b.file(binary), "shell", "--closure", closure, "--", program}
			all = append(all, candidate{name: name, env: env, argv: func() ([]string, error) { return argv, exists(argv[0]) }})
		}
		add(allOn, faulty)
		for _, name := range append(slices.Clone(fault.Tricks), "all") {
			add(name, faulty, fault.Without+"="+name)
		}
		if exists(b.file(base)) == nil {
			add(base, base)
		}
		stop, err := b.keepBusy(s.busy)
		if err != nil {
			return nil, err
		}
		b.sideBySide(&raw, s.name, b.rounds, all)
		stop()
		longer, spread := s.name+", %", s.name+", ±"
		t.Columns = append(t.Columns, s.name, longer, spread)
		on := raw.Rows[0].Cells[allOn]
		for _, c := range all {
			cell := raw.Rows[0].Cells[c.name]
			if !cell.Known() {
				t.Add(c.name, s.name, 0, fmt.Errorf("%s", cell.Why))
				continue
			}
			t.Add(c.name, s.name, cell.Median, nil)
			if c.name != allOn {
				ratio, half := compare(cell.All, on.All)
				t.Add(c.name, longer, 100*(ratio-1), nil)
				t.Add(c.name, spread, 100*half, nil)
			}
		}
	}
	return &t, nil
}

// keepBusy starts programs that want a processor each, in sessions of their own,
// as a user's other programs are.
func (b *bench) keepBusy(n int) (stop func(), err error) {
	var all []*exec.Cmd
	stop = func() {
		for _, c := range all {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	}
	for range n {
		c := b.command([]string{"/bin/sh", "-c", "while :; do :; done"})
		c.SysProcAttr.Setsid, c.SysProcAttr.Pdeathsig = true, syscall.SIGKILL
		if err := c.Start(); err != nil {
			stop()
			return nil, err
		}
		all = append(all, c)
	}
	return stop, nil
}

// compare is the median of one candidate divided by that of another, and half of
// the range that 90 % of the ratios lie in when the same rounds are drawn anew.
func compare(x, y []float64) (ratio, half float64) {
	n := min(len(x), len(y))
	draw := rand.New(rand.NewPCG(uint64(n), 1)) //nolint:gosec // no secret
	all := make([]float64, 0, 500)
	for range cap(all) {
		a, b := make([]float64, n), make([]float64, n)
		for i := range n {
			k := draw.IntN(n)
			a[i], b[i] = x[k], y[k]
		}
		all = append(all, report.Median(a)/report.Median(b))
	}
	slices.Sort(all)
	return report.Median(x) / report.Median(y), (report.Quantile(all, 0.95) - report.Quantile(all, 0.05)) / 2
}
