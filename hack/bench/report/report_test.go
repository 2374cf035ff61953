package report

import (
	"math"
	"testing"
)

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		all  []float64
		q    float64
		want float64
	}{
		{nil, 0.5, 0},
		{[]float64{3}, 0.5, 3},
		{[]float64{9, 1, 2}, 0.5, 2},
		{[]float64{4, 1, 3, 2}, 0.5, 2.5},
		{[]float64{4, 1, 3, 2}, 1, 4},
		{[]float64{4, 1, 3, 2}, 0, 1},
		{[]float64{0, 10}, 0.99, 9.9},
	} {
		if got := Quantile(c.all, c.q); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("quantile %v of %v: %v, want %v", c.q, c.all, got, c.want)
		}
	}
}
