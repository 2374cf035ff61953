package plot

import (
	"fmt"
	"math"
	"testing"
)

// TestSpread: no label covers another, and all are in the frame.
func TestSpread(t *testing.T) {
	var labels []label
	for i := range 8 {
		labels = append(labels, label{text: fmt.Sprint(i), y: 100 + float64(i%3), from: 1})
	}
	at := -1000.0
	for _, l := range spread(labels, 17, 50, 400) {
		if l.y-at < 17 || l.y < 50 || l.y > 400 {
			t.Errorf("a label at %v after one at %v", l.y, at)
		}
		at = l.y
	}
}

func TestStep(t *testing.T) {
	for _, c := range []struct{ v, up, down float64 }{{1, 1, 1}, {3.4, 5, 2}, {12501, 20000, 10000}, {59, 100, 50}, {0.3, 0.5, 0.2}, {1000, 1000, 1000}} {
		if up, down := step(c.v, true), step(c.v, false); math.Abs(up-c.up) > 1e-9 || math.Abs(down-c.down) > 1e-9 {
			t.Errorf("%v: %v and %v, want %v and %v", c.v, up, down, c.up, c.down)
		}
	}
}
