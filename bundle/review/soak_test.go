package review

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
)

// TestSoakApply: apply is killed at points spread over all of its steps, again and
// again. The host is as before or as afterwards, and a second apply finishes.
func TestSoakApply(t *testing.T) {
	needGit(t)
	points, rounds := 4, 1
	if os.Getenv("JAIL_TEST_SOAK") != "" {
		points, rounds = 20, 100
	}
	w := killWorld(t, false)
	before, done := w.files(), w.copied()
	steps := 0
	done.apply(Wanted{Step: func(string) { steps++ }})
	after, gitAfter := done.files(), done.host(gitState)
	for round := range rounds {
		for point := range points {
			// Another step of its part in each round.
			n := 1 + (point*steps+round*steps/rounds)/points
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				c := *w
				c.t = t
				one := c.copied()
				if !one.end("apply", n) {
					t.Fatal("it was not killed")
				}
				now := one.files()
				for _, set := range []map[string]string{before, after, now} {
					for p := range set {
						if now[p] != before[p] && now[p] != after[p] && !strings.HasPrefix(before[p]+after[p], "d") {
							t.Errorf("%s is %q, neither %q nor %q", p, now[p], before[p], after[p])
						}
					}
				}
				if d := one.apply(Wanted{}); len(d.Failed) > 0 {
					t.Errorf("%+v", d)
				}
				if got := one.files(); !maps.Equal(got, after) || one.host(gitState) != gitAfter {
					t.Errorf("finished: %v", got)
				}
			})
		}
	}
	t.Logf("killed %d times, at %d points of %d steps", points*rounds, points, steps)
}
