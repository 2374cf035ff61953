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

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/credential"
)

// Claude Code's locks are folders, of the npm package proper-lockfile with these
// settings: whoever makes the folder has the lock, sets its time anew while it
// lives, and removes it. One whose time is old was left by a process that died.
const (
	lockStale  = 60 * time.Second
	lockUpdate = 5 * time.Second
	lockRetry  = 50 * time.Millisecond
)

// errDone: what the locks were wanted for has been done by another program.
var errDone = errors.New("it is done")

// lock takes the locks of a format in a folder, and returns what releases them.
// It gives up with errDone when done says so.
func lock(ctx context.Context, f credential.Format, dir string, done func() bool) (release func(), err error) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	switch f.Locks {
	case credential.Flock:
		// Codex 0.171.0 holds these while it writes, and not while it asks.
		return flocks(ctx, []string{filepath.Join(dir, "auth.lock"), filepath.Join(dir, f.File+".lock")}, done)
	case credential.Nobody:
		return flocks(ctx, []string{real}, done)
	}
	return folders(ctx, []string{filepath.Join(dir, ".oauth_refresh.lock"), real + ".lock", filepath.Join(dir, ".storage-write.lock")}, done)
}

// flocks takes flock(2) of files, which it makes, or of a folder.
func flocks(ctx context.Context, names []string, done func() bool) (release func(), err error) {
	var held []*os.File
	release = func() {
		for _, f := range held {
			_ = f.Close() // and so its lock
		}
	}
	for _, name := range names {
		f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if errors.Is(err, fs.ErrNotExist) {
			f, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		}
		if err != nil {
			release()
			return nil, err
		}
		held = append(held, f)
		for {
			err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
			if err == nil {
				break
			}
			if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
				release()
				return nil, os.NewSyscallError("flock", err)
			}
			if err := again(ctx, name, done); err != nil {
				release()
				return nil, err
			}
		}
	}
	return release, nil
}

// again waits before a lock is tried again.
func again(ctx context.Context, name string, done func() bool) error {
	select {
	case <-time.After(lockRetry):
	case <-ctx.Done():
		return fmt.Errorf("another program holds %q: %w", name, ctx.Err())
	}
	if done() {
		return errDone
	}
	return nil
}

func folders(ctx context.Context, names []string, done func() bool) (release func(), err error) {
	var held []string
	drop := func() {
		for _, h := range slices.Backward(held) {
			_ = os.Remove(h) // gone already: somebody took it for stale
		}
	}
	for _, name := range names {
		if err := folder(ctx, name, done); err != nil {
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

func folder(ctx context.Context, name string, done func() bool) error {
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
		if err := again(ctx, name, done); err != nil {
			return err
		}
	}
}
