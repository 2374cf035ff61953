package sum

import (
	"sync"
	"testing"
)

func TestSum(t *testing.T) {
	var wg sync.WaitGroup
	for i := 0; i < 8; i++ {
		i := i
		wg.Add(1)
		go func() {
			defer wg.Done()
			if got := Sum(i, 40); got != i+40 {
				t.Error(got)
			}
		}()
	}
	wg.Wait()
}
