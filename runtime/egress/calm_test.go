package egress

import "testing"

// TestCrowd: memory is given back once after many connections, and not after
// few, or while most of them are open.
func TestCrowd(t *testing.T) {
	var c crowd
	for _, step := range []struct {
		open int
		want bool
	}{{crowded - 1, false}, {0, false}, {crowded, false}, {crowded / 2, false}, {crowded/8 + 1, false}, {crowded / 8, true}, {0, false}} {
		c.came(step.open)
		if got := c.went(step.open); got != step.want {
			t.Errorf("%d open, %d at most: %v", step.open, c.most, got)
		}
	}
	c = crowd{most: 0}
	c.came(2 * crowded)
	if !c.went(0) {
		t.Error("the second time nothing is given back")
	}
}
