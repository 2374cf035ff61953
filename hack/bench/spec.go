package main

import (
	"errors"
	"os"

	"github.com/jailed-claude/jailed-claude/hack/bench/proc"
	"github.com/jailed-claude/jailed-claude/hack/bench/report"
)

// specTimes measures how long it takes to work out what a jail is, `spec`, and a
// start, with the caches warm and without any.
func specTimes(b *bench) (*report.Table, error) {
	t := report.Table{
		Title: "Working out the jail, and a start, with and without caches", Unit: "ms", Head: "command", Rounds: b.rounds,
		Columns: []string{"warm", "cold"},
		Notes:   []string{"cold: ~/.cache/jailed-claude is removed before; the page cache stays warm"},
	}
	closure := b.file("37", "closure")
	for _, what := range []struct {
		name string
		argv []string
	}{
		{"spec --closure FILE", []string{b.file(ours), "spec", "--closure", closure}},
		{"spec --package STORE-PATH", []string{b.file(ours), "spec", "--package", proc.ReadLine(b.file("devenv"))}},
		{"shell --closure FILE -- true", []string{b.file(ours), "shell", "--closure", closure, "--", "true"}},
	} {
		name, argv := what.name, what.argv
		b.say("%s, %d rounds", name, b.rounds)
		for round := range b.rounds + 1 {
			for _, column := range t.Columns {
				if t.Broken(name, column) {
					continue
				}
				if column == "cold" {
					if err := os.RemoveAll(b.file("home", ".cache", ours)); err != nil {
						return nil, err
					}
				}
				took, err := b.timed(argv)
				if err != nil || round > 0 {
					t.Add(name, column, took, err)
				}
			}
			// The cold one has filled the caches for the warm one, unless
			// another process was to do that later.
			if _, err := b.timed(argv); err != nil && round == 0 {
				b.say("%s: %v", name, err)
			}
		}
	}
	if len(t.Rows) == 0 {
		return nil, errors.New("nothing was measured")
	}
	return &t, nil
}
