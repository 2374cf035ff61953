package main

import (
	"fmt"
	"strings"

	"github.com/jailed-claude/jailed-claude/hack/bench/proc"
	"github.com/jailed-claude/jailed-claude/hack/bench/report"
)

const nixStore = "nix-store --verify-path"

// nars measures how fast the contents of a closure are checked, by
// `jailed-claude verify` in a project with a lock, and by `nix-store
// --verify-path` over the same paths. Both are whole programs, start-up and
// reading the lock or the database included, out of a warm page cache.
//
// nix-store wants to open its database: without root it has no figure where
// only root may.
func nars(b *bench) (*report.Table, error) {
	var bytes float64
	project := b.file("nar", "project")
	paths := proc.ReadLines(b.file("nar", "closure"))
	if _, err := fmt.Sscan(proc.ReadLine(b.file("nar", "bytes")), &bytes); err != nil {
		return nil, fmt.Errorf("%s was not prepared: %w", project, err)
	}
	t := report.Table{
		Title: fmt.Sprintf("Checking the contents of %d store paths, %.0f MB", len(paths), bytes/1e6), Unit: "MB/s", Head: "",
		Rounds: b.third(), Columns: []string{nixStore, ours + " verify"}, Of: ours + " verify", Against: []string{nixStore},
	}
	commands := map[string][]string{
		ours + " verify": {b.file(ours), "verify"},
		nixStore:         append(strings.Fields(nixStore), paths...),
	}
	b.say("contents of %d store paths, %d rounds", len(paths), t.Rounds)
	const rowName = "agent, tools and node"
	// The first round warms the page cache and does not count.
	for round := range t.Rounds + 1 {
		for _, c := range t.Columns {
			if t.Broken(rowName, c) {
				continue
			}
			took, err := b.timedIn(project, commands[c])
			if err != nil || round > 0 {
				t.Add(rowName, c, bytes/1000/took, err)
			}
		}
	}
	return &t, nil
}
