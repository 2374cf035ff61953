package crowd

import "testing"

// TestCrowd: memory is given back once after many connections, and not after
// few, or while most of them are open.
func TestCrowd(t *testing.T) {
	var c Crowd
	for _, step := range []struct {
		open int
		want bool
	}{{crowded - 1, false}, {0, false}, {crowded, false}, {crowded / 2, false}, {crowded/8 + 1, false}, {crowded / 8, true}, {0, false}} {
		c.Came(step.open)
		if got := c.Went(step.open); got != step.want {
			t.Errorf("%d open, %d at most: %v", step.open, c.Most, got)
		}
	}
	c = Crowd{}
	c.Came(2 * crowded)
	if !c.Went(0) {
		t.Error("the second time nothing is given back")
	}
}
