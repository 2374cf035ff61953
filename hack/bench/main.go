// Command bench measures what a jail costs, side by side with what else there
// is: start-up, memory, the agent's whole turn, the terminal, the network.
//
//	bench measure -dir DIR [-parts startup,memory] [-rounds N] [-fixed] [-json FILE] [-user NAME]
//	bench render -json FILE [-md FILE] [-svg FILE]
//
// bench.sh prepares DIR and a network of its own, and runs the first; see
// docs/bench.md for what each figure means. Every round runs each candidate
// once, one after the other, so that what else the machine does hits all of
// them alike; figures are medians. With -user, which only root can give, all
// that is measured runs as that user.
//
// The rest is what runs inside the jails: "bench client" and "bench emit".
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/bench/client"
	"github.com/jailed-claude/jailed-claude/hack/bench/proc"
	"github.com/jailed-claude/jailed-claude/hack/bench/report"
	"github.com/jailed-claude/jailed-claude/hack/bench/web"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

var errUsage = errors.New("usage: bench measure|render|client|emit …")

func run(args []string, stdout, stderr io.Writer) int {
	commands := map[string]func([]string, io.Writer, io.Writer) error{
		"measure": measure, "render": render, "web": web.Run,
		"client": func(args []string, stdout, _ io.Writer) error { return client.Run(args, os.Stdin, stdout) },
		"emit":   func(args []string, stdout, _ io.Writer) error { return emit(args, stdout) },
	}
	err := errUsage
	if len(args) > 0 && commands[args[0]] != nil {
		err = commands[args[0]](args[1:], stdout, stderr)
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "bench: %v\n", err)
		return 1
	}
	return 0
}

// part of the benchmark; its table has its name.
type part struct {
	name    string
	measure func(*bench) (*report.Table, error)
}

// parts in the order they are measured.
var parts = []part{
	{"startup", startup}, {"tricks", tricks}, {"spec", specTimes}, {"memory", memory}, {"sessions", sessions}, {"layer", layers}, {"turn", turn}, {"screens", screens}, {"codex", codex}, {"tty", terminals}, {"network", networks}, {"broker", brokered}, {"nar", nars},
}

func measure(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("measure", flag.ContinueOnError)
	flags.SetOutput(stderr)
	dir := flags.String("dir", "", "what bench.sh prepared")
	which := flags.String("parts", "", "measure these, with commas between; empty for all")
	rounds := flags.Int("rounds", 21, "measurements of each candidate; what takes seconds is measured a third as often")
	fixed := flags.Bool("fixed", false, "candidates in the same order in each round, not in another one")
	file := flags.String("json", "", "keep all measurements here; a part takes the place of an earlier one")
	user := flags.String("user", "", "who the candidates run as")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dir == "" || *rounds < 1 {
		return errors.New("measure: -dir and a positive number of -rounds")
	}
	chosen := strings.FieldsFunc(*which, func(r rune) bool { return r == ',' || r == ' ' })
	for _, name := range chosen {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return fmt.Errorf("there is no part %q", name)
		}
	}
	b, err := newBench(*dir, *rounds, *user, stderr)
	if err != nil {
		return err
	}
	b.fixed = *fixed
	r := new(report.Report)
	if *file != "" {
		if r, err = report.Load(*file); err != nil {
			return err
		}
	}
	r.Machine = thisMachine(b)
	m := r.Machine
	_, _ = fmt.Fprintf(stdout, "%s, %d CPUs, Linux %s, as %s\n", m.CPU, m.CPUs, m.Kernel, m.User)
	for _, p := range parts {
		if len(chosen) > 0 && !slices.Contains(chosen, p.name) {
			continue
		}
		began, load := time.Now(), proc.Load()
		t, err := p.measure(b)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		b.say("%s took %.0f s", p.name, time.Since(began).Seconds())
		t.Name, t.Time, t.Load = p.name, began.UTC().Truncate(time.Second), load
		if err := t.WriteText(stdout); err != nil {
			return err
		}
		r.Put(*t)
		// After each part: an hour's work is not lost with the last one.
		if *file != "" {
			if err := r.Save(*file); err != nil {
				return err
			}
		}
	}
	return nil
}

// The outer world of the benchmark: one name and one address that looks
// public, which bench.sh gives to the loopback device of a network namespace
// of its own. Nothing ever leaves that.
const (
	outerName    = "bench.example"
	outerAddress = "93.184.216.34"
	// outerRule allows a jail what is not the internet's but this host's own.
	outerRule = outerAddress + ":*"
)
