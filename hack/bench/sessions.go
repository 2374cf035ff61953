package main

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/bench/proc"
	"github.com/jailed-claude/jailed-claude/hack/bench/report"
)

// Rows of the table of sessions. Goals look for them.
const (
	startRow  = "a start, and `true`"
	execRow   = "`true` by exec"
	attachRow = "attach, to the first screen"
	listOne   = "list, 1 jail"
	listMany  = "list, 200 jails"
	manyJails = 200
)

// sessions measures what commands about running jails take.
func sessions(b *bench) (t *report.Table, err error) {
	t = &report.Table{Title: "Commands about jails that run", Unit: "ms", Head: "", Rounds: b.rounds, Columns: []string{ours}}
	shell := []string{b.file(ours), "shell", "--closure", b.file("idle", "closure")}
	sleep := proc.ReadLine(b.file("idle", "sleep"))
	program := filepath.Join(filepath.Dir(sleep), "true")
	var ids []string
	defer func() {
		for _, id := range ids {
			_, failed := b.timed([]string{b.file(ours), "stop", "--grace", "0s", id})
			err = errors.Join(err, failed)
		}
	}()
	detach := func() error {
		c := b.command(append(append([]string{}, shell...), "--detach", "--", "bash", "-c", "echo "+begin+"; exec sleep 1000"))
		var said bytes.Buffer
		c.Stderr = &said
		id, err := c.Output()
		if err == nil {
			ids = append(ids, strings.TrimSpace(string(id)))
		}
		return because(err, said.String())
	}
	if err := detach(); err != nil {
		return nil, fmt.Errorf("start a detached jail: %w", err)
	}
	plain := func(argv ...string) func() (float64, error) {
		return func() (float64, error) { return b.timed(argv) }
	}
	alternate := func(rows map[string]func() (float64, error), names ...string) {
		b.say("sessions: %s, %d rounds", strings.Join(names, ", "), b.rounds)
		for round := range b.rounds + 1 {
			for _, name := range names {
				if took, err := rows[name](); round > 0 || err != nil {
					t.Add(name, ours, took, err)
				}
			}
		}
	}
	list := plain(b.file(ours), "list")
	rows := map[string]func() (float64, error){
		startRow: plain(append(append([]string{}, shell...), "--", program)...), execRow: plain(b.file(ours), "exec", ids[0], "--", program),
		attachRow: func() (float64, error) { return b.attach(ids[0]) }, listOne: list, listMany: list,
	}
	alternate(rows, startRow, execRow, attachRow, listOne)
	if err := b.detachedCost(t, shell, detach, func() string { return ids[len(ids)-1] }); err != nil {
		return nil, err
	}
	for len(ids) < manyJails {
		if err := detach(); err != nil {
			return nil, fmt.Errorf("start detached jail %d: %w", len(ids)+1, err)
		}
	}
	alternate(rows, listMany)
	return t, nil
}

// attach returns how long it takes until a terminal shows what the jail has shown.
func (b *bench) attach(id string) (float64, error) {
	master, slave, err := proc.OpenPTY()
	if err != nil {
		return 0, err
	}
	defer master.Close()
	c := b.command([]string{b.file(ours), "attach", id})
	if err := b.onPTY(c, slave); err != nil {
		return 0, err
	}
	start := time.Now()
	err = c.Start()
	_ = slave.Close()
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
	var shown []byte
	for buf := make([]byte, 4096); !bytes.Contains(shown, []byte(begin)); {
		n, err := master.Read(buf)
		if err != nil {
			return 0, fmt.Errorf("it ended without a screen: %.100q", shown)
		}
		shown = append(shown, buf[:n]...)
	}
	return report.Millis(time.Since(start)), nil
}
