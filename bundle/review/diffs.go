package review

import (
	"runtime"
	"sync"
)

// Diffs makes the differences of all items, on all processors.
func (r *Review) Diffs(items []*Item, most int64) []string {
	texts := make([]string, len(items))
	work := make(chan int)
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for n := range work {
				texts[n] = r.diff(items[n], most)
			}
		})
	}
	for n := range items {
		work <- n
	}
	close(work)
	wait.Wait()
	return texts
}
