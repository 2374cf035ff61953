package left

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle/review/apply"
	"github.com/jailed-claude/jailed-claude/bundle/review/upper"
	"github.com/jailed-claude/jailed-claude/internal/beneath"
	"github.com/jailed-claude/jailed-claude/internal/gitindex"
	"github.com/jailed-claude/jailed-claude/internal/show"
)

// At is where it is on the host.
func (i *Item) At() string { return filepath.Join(i.Root, i.Path) }

// Opened is the folder that the jail could write; no symlink leads there.
func (i *Item) Opened() (*os.File, error) {
	d, err := beneath.Dir(i.Root)
	if err != nil {
		return nil, err
	}
	if at, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(int(d.Fd()))); err != nil || at != i.Root {
		d.Close()
		return nil, fmt.Errorf("%q leads elsewhere now: %w", i.Root, beneath.ErrSymlink)
	}
	return d, nil
}

// Now is what is there now, and whether it is still to be looked at: it is not as it
// was before.
func (i *Item) Now() (now *upper.State, still bool, err error) {
	d, err := i.Opened()
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, beneath.ErrSymlink) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer d.Close()
	if now, err = upper.Lookup(d, i.Path); err != nil {
		return now, true, nil // it is there, and cannot be read
	}
	switch {
	case i.Overlooked != "":
		return now, i.overlooked(d), nil
	case i.Was == Kept:
		return now, !now.Same(i.Before), nil
	}
	return now, now != nil, nil
}

// overlooked: the index still says so of the entry.
func (i *Item) overlooked(d *os.File) bool {
	const most = 64 << 20
	data, _, err := beneath.Read(d, i.Path, most)
	if err != nil {
		return false
	}
	config, _, _ := beneath.Read(d, path.Join(path.Dir(i.Path), "config"), 1<<20)
	l, err := gitindex.Parse(data, gitindex.NameSize(string(config)), nil)
	return err == nil && slices.Contains(l.Overlooked, i.Overlooked)
}

// Changed tells whether it is not what the jail left.
func (i *Item) Changed(now *upper.State) bool {
	return i.Overlooked == "" && i.After != nil && !now.Same(i.After)
}

// Undroppable says why it cannot be dropped; empty if it can.
func (i *Item) Undroppable() string {
	switch {
	case i.Overlooked != "":
		return "to have git look again: git update-index --no-assume-unchanged --no-skip-worktree -- " + show.ShellQuote(i.Overlooked)
	case i.Was == Unknown:
		return "what was there before is not kept: put it back from git (git restore) or a backup, or remove it"
	case i.Was == Kept && !i.Before.Kind.Plain():
		return "what was there before is not kept"
	}
	return ""
}

// Dropped makes the folder anew that has what is dropped, in that of the files.
func Dropped(folder string) (string, error) {
	to := filepath.Join(folder, dropped)
	if err := apply.RemoveAll(to); err != nil {
		return "", err
	}
	return to, os.Mkdir(to, 0o700)
}

// Drop moves what was seen there to a folder, and puts back what was there before.
func (i *Item) Drop(seen *upper.State, to string) error {
	root, err := i.Opened()
	if err != nil {
		return err
	}
	defer root.Close()
	var dir *os.File
	var base string
	if i.Was == Kept { // its folder may be gone too
		dir, base, err = beneath.Parent(root, i.Path, 0o755)
	} else {
		dir, base, err = upper.Parent(root, i.Path)
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	at := filepath.Join(to, filepath.Dir(i.At()))
	if err := os.MkdirAll(at, 0o700); err != nil {
		return err
	}
	into, err := beneath.Dir(at)
	if err != nil {
		return err
	}
	defer into.Close()
	if i.Was == Kept {
		return apply.PutBack(dir, base, seen, i.Before, i.Content, into, base)
	}
	if seen == nil {
		return &os.PathError{Op: "drop", Path: i.At(), Err: unix.ENOENT}
	}
	return apply.Out(dir, base, seen, into, base)
}
