package lock

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options of Verify and New.
type Options struct {
	// Root is put before every store path: a copy of a store, as
	// "nix copy --to DIR" makes, is checked under the names of the lock.
	Root string
	// Jobs is how many store paths are read at once; 0 means one for each
	// processor.
	Jobs int
	// Progress is told how many bytes of how many have been read, now and
	// then and at the end, by one goroutine at a time; may be nil.
	Progress func(done, total int64)
}

// Verify recomputes the NAR hashes of the store paths from what is on disk and
// returns everything that differs, in the order of the lock. The error is the
// context's.
func Verify(ctx context.Context, l *Lock, o Options) ([]Difference, error) {
	var total int64
	for _, p := range l.Paths {
		total += p.NarSize
	}
	found, err := hashAll(ctx, l.Paths, total, o)
	if err != nil {
		return nil, err
	}
	var all []Difference
	for i, want := range l.Paths {
		got := found[i]
		d := Difference{Name: want.Path, Expected: want.NarHash, Actual: got.NarHash}
		switch {
		case errors.Is(got.err, fs.ErrNotExist) && !exists(o.Root+want.Path):
			d.Kind = Missing
		case got.err != nil:
			d.Kind, d.Detail = Unreadable, got.err.Error()
		case got.NarHash != want.NarHash:
			d.Kind = Changed
			d.Detail = sizes(want.NarSize, got.NarSize)
		case got.NarSize != want.NarSize:
			// The hash is right, so the lock was edited.
			d.Kind, d.Detail = Changed, sizes(want.NarSize, got.NarSize)
		default:
			continue
		}
		all = append(all, d)
	}
	return all, nil
}

func exists(p string) bool {
	_, err := os.Lstat(p)
	return err == nil
}

// hashed is what was found of one path.
type hashed struct {
	Path
	err error
}

// hashAll hashes the NARs of paths, the largest first: it decides how long all
// of it takes. Sizes are for that order and for Progress, and may be 0.
func hashAll(ctx context.Context, paths []Path, total int64, o Options) ([]hashed, error) {
	jobs := o.Jobs
	if jobs <= 0 {
		jobs = goruntime.GOMAXPROCS(0)
	}
	order := make([]int, len(paths))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch x, y := paths[a].NarSize, paths[b].NarSize; {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	found := make([]hashed, len(paths))
	var done atomic.Int64
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(jobs, len(paths)) {
		workers.Go(func() {
			n := newNarHasher(ctx, &done)
			for {
				k := int(next.Add(1)) - 1
				if k >= len(order) || ctx.Err() != nil {
					return
				}
				i := order[k]
				h := hashed{Path: Path{Path: paths[i].Path}}
				h.NarHash, h.NarSize, h.err = n.path(filepath.Join(o.Root, h.Path.Path))
				found[i] = h
			}
		})
	}
	stop := report(o.Progress, &done, total)
	workers.Wait()
	stop()
	return found, ctx.Err()
}

// report calls progress until the returned function is called, which does it
// once more.
func report(progress func(done, total int64), done *atomic.Int64, total int64) func() {
	if progress == nil {
		return func() {}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		const often = 100 * time.Millisecond
		tick := time.NewTicker(often)
		defer tick.Stop()
		for {
			select {
			case <-end:
				progress(done.Load(), total)
				return
			case <-tick.C:
				progress(done.Load(), total)
			}
		}
	}()
	return func() { close(end); <-ended }
}
