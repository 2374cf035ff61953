package nearest

import (
	"strings"
	"testing"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"a", "", 1},
		{"read", "read", 0},
		{"raed", "read", 1},
		{"rea", "read", 1},
		{"reaad", "read", 1},
		{"bead", "read", 1},
		{"abc", "cab", 2},
		{"pids", "cpus", 3},
	} {
		if got := distance(c.a, c.b, 4); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
	if got := distance(strings.Repeat("x", 1<<20), "read", 1); got != 2 {
		t.Errorf("a long key costs %d, want one more than the limit", got)
	}
}
