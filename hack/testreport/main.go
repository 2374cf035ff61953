// Command testreport sums up the event streams of `go tool test2json`.
//
//	testreport package LABEL=FILE             one line, and the output of what failed
//	testreport total [-must-run] LABEL=FILE…  every skip with its reason, and the totals
//
// A LABEL is a run of the whole suite, as root or as a user. Only the tests at
// the end of a branch are counted: a test that has subtests counts when it
// failed by itself. A package that ended without its tests' results (a crash,
// a time-out) is a failure. With -must-run a skip is a failure too, unless the
// same test ran under another label: what needs root is run as root.
//
// total exits with 1 when anything failed.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) < 2 {
		_, _ = fmt.Fprintln(stderr, "usage: testreport package|total [-must-run] LABEL=FILE...")
		return 2
	}
	what, files := args[0], args[1:]
	mustRun := files[0] == "-must-run"
	if mustRun {
		files = files[1:]
	}
	var all []result
	for _, f := range files {
		results, err := load(f)
		if err != nil {
			_, _ = fmt.Fprintf(stderr, "testreport: %v\n", err)
			return 2
		}
		all = append(all, results...)
	}
	out := bufio.NewWriter(stdout)
	status := 0
	switch what {
	case "package":
		writePackages(out, all)
	case "total":
		if writeTotal(out, all, mustRun) {
			status = 1
		}
	}
	if err := out.Flush(); err != nil {
		return 2
	}
	return status
}

// event is a line of test2json.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64
}

// Outcomes of a test, in test2json's words.
const (
	pass = "pass"
	fail = "fail"
	skip = "skip"
)

// result is what became of one test, or, with an empty test, of a package.
type result struct {
	label, pkg, test string
	outcome          string
	elapsed          float64
	output           []string
}

func (r result) name() string {
	pkg := r.pkg[strings.LastIndex(r.pkg, "/")+1:]
	if r.test == "" {
		return fmt.Sprintf("%s (%s)", pkg, r.label)
	}
	return fmt.Sprintf("%s.%s (%s)", pkg, r.test, r.label)
}

func load(arg string) ([]result, error) {
	label, name, ok := strings.Cut(arg, "=")
	if !ok {
		return nil, fmt.Errorf("%q is not LABEL=FILE", arg)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	results, err := parse(label, f)
	return results, errors.Join(err, f.Close())
}

// parse collects the results of a stream, in the order in which tests started.
func parse(label string, r io.Reader) ([]result, error) {
	var order []string
	seen := map[string]*result{}
	d := json.NewDecoder(r)
	for {
		var e event
		if err := d.Decode(&e); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("test events: %w", err)
		}
		key := e.Package + " " + e.Test
		t := seen[key]
		if t == nil {
			t = &result{label: label, pkg: e.Package, test: e.Test}
			seen[key], order = t, append(order, key)
		}
		switch e.Action {
		case "output":
			t.output = append(t.output, e.Output)
		case pass, fail, skip:
			t.outcome, t.elapsed = e.Action, e.Elapsed
		}
	}
	results := make([]result, 0, len(order))
	for _, key := range order {
		t := seen[key]
		if t.outcome == "" { // it never ended
			t.outcome = fail
			t.output = append(t.output, "it did not come to an end\n")
		}
		results = append(results, *t)
	}
	return results, nil
}

// counted are the results that make up the totals.
func counted(results []result) []result {
	// Of each test that is a parent: whether a child has failed.
	childFailed := map[string]bool{}
	testFailed := map[string]bool{}
	for _, r := range results {
		if r.test == "" {
			continue
		}
		if r.outcome == fail {
			testFailed[r.label+" "+r.pkg] = true
		}
		for parent := r.test; ; {
			i := strings.LastIndex(parent, "/")
			if i < 0 {
				break
			}
			parent = parent[:i]
			key := r.label + " " + r.pkg + " " + parent
			childFailed[key] = childFailed[key] || r.outcome == fail
		}
	}
	return slices.DeleteFunc(slices.Clone(results), func(r result) bool {
		if r.test == "" {
			// A package that failed although no test did: a crash, or TestMain.
			return r.outcome != fail || testFailed[r.label+" "+r.pkg]
		}
		failed, parent := childFailed[r.label+" "+r.pkg+" "+r.test]
		return parent && (r.outcome != fail || failed)
	})
}

func count(results []result, outcome string) (n int) {
	for _, r := range results {
		if r.outcome == outcome {
			n++
		}
	}
	return n
}

func writePackages(w io.Writer, all []result) {
	for _, p := range all {
		if p.test != "" {
			continue
		}
		own := slices.DeleteFunc(slices.Clone(all), func(r result) bool { return r.pkg != p.pkg || r.label != p.label })
		tests := counted(own)
		word := "ok  "
		if count(tests, fail) > 0 {
			word = "FAIL"
		}
		_, _ = fmt.Fprintf(w, "%s  %-6s %-55s %4d passed", word, p.label, p.pkg, count(tests, pass))
		for _, o := range []struct{ outcome, word string }{{fail, "failed"}, {skip, "skipped"}} {
			if n := count(tests, o.outcome); n > 0 {
				_, _ = fmt.Fprintf(w, ", %d %s", n, o.word)
			}
		}
		_, _ = fmt.Fprintf(w, "  %.1f s\n", p.elapsed)
		for _, r := range tests {
			if r.outcome == fail {
				_, _ = fmt.Fprintf(w, "\n%s\n\n", strings.TrimRight(printable(strings.Join(r.output, "")), "\n"))
			}
		}
	}
}

// printable is text that a terminal shows and does not obey: tests print what
// jailed programs wrote.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// writeTotal reports whether anything failed.
func writeTotal(w io.Writer, all []result, mustRun bool) bool {
	tests := counted(all)
	ran := map[string]bool{}
	for _, r := range tests {
		if r.outcome == skip {
			continue
		}
		// With a part of a test the test itself ran, which does not count beside
		// its parts.
		for name := r.test; ; {
			ran[r.pkg+" "+name] = true
			slash := strings.LastIndexByte(name, '/')
			if slash < 0 {
				break
			}
			name = name[:slash]
		}
	}
	var failed, skipped []string
	for _, r := range tests {
		switch {
		case r.outcome == fail:
			failed = append(failed, "failed: "+r.name())
		case r.outcome == skip && mustRun && !ran[r.pkg+" "+r.test]:
			failed = append(failed, "failed: "+r.name()+": must run, and was skipped: "+reason(r))
		case r.outcome == skip:
			skipped = append(skipped, "skipped: "+r.name()+": "+reason(r))
		}
	}
	for _, line := range slices.Concat(skipped, failed) {
		_, _ = fmt.Fprintln(w, line)
	}
	_, _ = fmt.Fprintf(w, "%d passed, %d failed, %d skipped\n", count(tests, pass), len(failed), len(skipped))
	return len(failed) > 0 || len(tests) == 0
}

// reason is what a skipped test said: its output without Go's own lines and
// the "file_test.go:12: " in front.
func reason(r result) string {
	var said []string
	for _, line := range r.output {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- ") {
			continue
		}
		if place, text, ok := strings.Cut(line, ": "); ok && strings.Contains(place, ".go:") {
			line = text
		}
		said = append(said, printable(line))
	}
	if len(said) == 0 {
		return "no reason given"
	}
	return strings.Join(said, " ")
}
