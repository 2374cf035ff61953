package login

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Claude Code's locks are folders, of the npm package proper-lockfile with these
// settings: whoever makes the folder has the lock, sets its time anew while it
// lives, and removes it. One whose time is old was left by a process that died.
const (
	lockStale  = 60 * time.Second
	lockUpdate = 5 * time.Second
	lockRetry  = 50 * time.Millisecond
)

// locks are those of a refresh, in the order in which they are taken.
func locks(dir string) ([]string, error) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	return []string{filepath.Join(dir, ".oauth_refresh.lock"), real + ".lock", filepath.Join(dir, ".storage-write.lock")}, nil
}

// errDone: what the locks were wanted for has been done by another program.
var errDone = errors.New("it is done")

// lock takes all the locks, and returns what releases them. It gives up with
// errDone when done says so.
func lock(ctx context.Context, names []string, done func() bool) (release func(), err error) {
	var held []string
	drop := func() {
		for _, h := range slices.Backward(held) {
			_ = os.Remove(h) // gone already: somebody took it for stale
		}
	}
	for _, name := range names {
		if err := lockOne(ctx, name, done); err != nil {
			drop()
			return nil, err
		}
		held = append(held, name)
	}
	end := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		t := time.NewTicker(lockUpdate)
		defer t.Stop()
		for {
			select {
			case now := <-t.C:
				for _, name := range held {
					_ = os.Chtimes(name, now, now)
				}
			case <-end:
				return
			}
		}
	}()
	return func() { close(end); <-stopped; drop() }, nil
}

func lockOne(ctx context.Context, name string, done func() bool) error {
	for {
		err := os.Mkdir(name, 0o755)
		if err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		if st, err := os.Lstat(name); err == nil && time.Since(st.ModTime()) > lockStale {
			// Not a folder, or not empty: it stays, and so does the lock.
			_ = os.Remove(name)
		}
		select {
		case <-time.After(lockRetry):
		case <-ctx.Done():
			return fmt.Errorf("another program holds %q: %w", name, ctx.Err())
		}
		if done() {
			return errDone
		}
	}
}
