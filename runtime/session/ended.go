package session

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/runtime/launch"
)

// Words is a folder with the last words of detached jails, a file each by its ID:
// what appeared in the project and what was refused must not be lost where nobody
// is attached. A file without content, of a jail that has ended, says nothing and is
// removed.
type Words string

// open makes the file of a jail that is about to start.
func (w Words) open() (*os.File, error) {
	if err := os.MkdirAll(string(w), 0o700); err != nil {
		return nil, err
	}
	return os.CreateTemp(string(w), "new-*")
}

// of calls the file of a jail by its ID, or removes it where there is no jail.
func (w Words) of(f *os.File, id string) error {
	if id == "" {
		return os.Remove(f.Name())
	}
	return os.Rename(f.Name(), filepath.Join(string(w), id))
}

// unread are the jails that have ended and left words. Nothing else is left in the
// folder but those of jails that run. list lists these, and is called in any case.
func (w Words) unread(list func() ([]launch.Running, error)) (ids []string, err error) {
	files, err := os.ReadDir(string(w))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	// In this order: what a jail has a file for that does not run now has ended.
	running, err := list()
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		file := filepath.Join(string(w), f.Name())
		fi, err := os.Lstat(file) // not as it was before the jail ended
		if err != nil || strings.HasPrefix(f.Name(), "new-") || slices.ContainsFunc(running, func(j launch.Running) bool { return j.ID == f.Name() }) {
			continue
		}
		if fi.Size() > 0 {
			ids = append(ids, f.Name())
		} else {
			_ = os.Remove(file) // or the next time
		}
	}
	return ids, nil
}

// Read returns the words of a jail that has ended, by the beginning of its ID, and
// takes them away. Without any the error is fs.ErrNotExist.
func (w Words) Read(id string) ([]byte, error) {
	unread, err := w.unread(launch.List)
	if err != nil {
		return nil, err
	}
	unread = slices.DeleteFunc(unread, func(have string) bool { return !strings.HasPrefix(have, id) })
	if id == "" || len(unread) != 1 {
		return nil, fmt.Errorf("%d jails that ended: %w", len(unread), fs.ErrNotExist)
	}
	file := filepath.Join(string(w), unread[0])
	text, err := os.ReadFile(file)
	return text, errors.Join(err, os.Remove(file))
}
