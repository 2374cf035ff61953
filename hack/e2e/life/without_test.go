package life

import (
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
	"github.com/jailed-claude/jailed-claude/runtime/fault"
)

// TestWithoutEachTrick: a jail means the same without any of the tricks that make
// its start short, and without all of them. JAIL_TEST_WITHOUT=all runs every
// test of this package so.
func TestWithoutEachTrick(t *testing.T) {
	t.Parallel()
	const script = `echo in >>file; read -r line; echo "$line"; cat /proc/self/timerslack_ns; ulimit -n; env | sort
		while read -r line; do [[ $line == @(Cap|Seccomp|NoNewPrivs|Cpus_allowed)* ]] && echo "$line"; done </proc/self/status
		while read -r _ _ _ root place options _; do echo "$place $options"; done </proc/self/mountinfo | sort
		exit 7`
	run := func(t *testing.T, off string) world.Result {
		w := world.New(t)
		withFaults(w)
		w.Env[fault.Without] = off
		c := w.Base(script)
		c.Stdin = strings.NewReader("said\n")
		r := world.Finish(t, c)
		if w.Read("file") != "in\n" {
			t.Errorf("the project has %q", w.Read("file"))
		}
		r.Out = strings.ReplaceAll(r.Out, w.Dir, "DIR")
		return r
	}
	want := run(t, "")
	if want.Status != 7 || !strings.HasPrefix(want.Out, "said\n") || want.Err != "" {
		t.Fatal(want)
	}
	for _, trick := range append(slices.Clone(fault.Tricks), "all") {
		if got := run(t, trick); got != want {
			t.Errorf("without %s: %s\nwith all: %s", trick, got, want)
		}
	}
}
