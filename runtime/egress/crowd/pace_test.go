package crowd

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestPace: one more waits while many are undecided, until one of them is not,
// or for a moment.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPace()
		waits := func() time.Duration {
			began := time.Now()
			p.Wait()
			return time.Since(began)
		}
		for range together {
			if d := waits(); d != 0 {
				t.Fatal(d)
			}
			p.Came()
		}
		if d := waits(); d != moment {
			t.Errorf("%v with nobody gone", d)
		}
		time.AfterFunc(time.Millisecond, p.Went)
		if d := waits(); d != time.Millisecond {
			t.Errorf("%v with one gone", d)
		}
	})
}
