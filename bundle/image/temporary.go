package image

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// until is layout, which a signal that ends this process gives up first, so that
// whoever has made the folder removes it.
func until(ctx context.Context, dir string, in Input, o Options) (Result, error) {
	ctx, stop := signal.NotifyContext(ctx, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGPIPE)
	defer stop()
	return layout(ctx, dir, in, o)
}

// temporary makes a folder that is locked as long as this process has it, and removes
// those of its kind whose processes were killed. The second result removes it.
func temporary(in, prefix string) (dir string, remove func() error, err error) {
	old, _ := os.ReadDir(in)
	for _, e := range old {
		// As MkdirTemp names them.
		if number, ok := strings.CutPrefix(e.Name(), prefix); !ok || number == "" || strings.Trim(number, "0123456789") != "" {
			continue
		}
		dir := filepath.Join(in, e.Name())
		if f := abandoned(dir); f != nil {
			_ = errors.Join(os.RemoveAll(dir), f.Close()) // or the next one does it
		}
	}
	if dir, err = os.MkdirTemp(in, prefix); err != nil {
		return "", nil, err
	}
	f, err := os.Open(dir)
	if err == nil {
		err = os.NewSyscallError("flock", unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB))
	}
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return dir, func() error { return errors.Join(os.RemoveAll(dir), f.Close()) }, nil
}

// settled is how old a folder is that has its lock if it ever has one.
const settled = time.Minute

// abandoned opens a folder of this user's that no process has locked, with what a layout
// has and nothing else; nil for others.
func abandoned(dir string) *os.File {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil
	}
	var st unix.Stat_t
	entries, err := f.ReadDir(-1)
	if err == nil && ofLayout(entries) && unix.Fstat(int(f.Fd()), &st) == nil && int(st.Uid) == os.Geteuid() && time.Since(time.Unix(st.Mtim.Unix())) > settled &&
		unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		return f
	}
	f.Close()
	return nil
}
