// Package told is the file in which a jail reads what was refused to it.
//
// What does not belong here: what is written there (runtime/egress).
package told

import (
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/contract/brief"
)

// File is a file of the jail's own, read-only there, that this process
// appends to. It takes everything, and forgets what comes before it is open.
type File struct {
	mu   sync.Mutex
	file *os.File
}

// Open opens the file in which refusals are listed, if the jail has one. The
// jail sees it on a mount that is read-only, and this process on one of its own;
// nobody runs there yet who could put something else in its place.
func (l *File) Open(place string, rootfs []contract.File) error {
	if !slices.ContainsFunc(rootfs, func(f contract.File) bool { return f.Path == brief.RefusedPath && f.Mode.IsRegular() }) {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(place, brief.RefusedPath), os.O_WRONLY|os.O_APPEND|unix.O_NOFOLLOW, 0)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.file = f
	return err
}

// Write appends.
func (l *File) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return len(p), nil
	}
	return l.file.Write(p)
}
