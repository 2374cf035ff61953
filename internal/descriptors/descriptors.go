// Package descriptors finds an open file of a process by where /proc/PID/fd says that
// it leads.
//
// What does not belong here: which files matter, and opening them.
package descriptors

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Finder finds the same file in one process after the other.
type Finder struct {
	// Wanted says whether it is that file.
	Wanted func(target string) bool
	// First is a number that the descriptor may well have, if there is one.
	First string
	buf   [128]byte // longer ones are none of ours
}

// Find returns the path of the first descriptor of a process whose target is wanted,
// in no order. It is for lists of many processes: names are not sorted, and links are
// read from their folder.
func Find(pid int, wanted func(target string) bool) (path string, ok bool) {
	return (&Finder{Wanted: wanted}).Find(pid)
}

// Find is the function of that name.
func (f *Finder) Find(pid int) (path string, ok bool) {
	place := "/proc/" + strconv.Itoa(pid) + "/fd"
	if f.First != "" {
		n, err := unix.Readlink(place+"/"+f.First, f.buf[:])
		if f.leads(n, err) {
			return place + "/" + f.First, true
		}
		if errors.Is(err, unix.EACCES) {
			return "", false
		}
	}
	dir, err := os.Open(place)
	if err != nil {
		return "", false
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1) // it may end meanwhile
	for _, name := range names {
		n, err := unix.Readlinkat(int(dir.Fd()), name, f.buf[:])
		if f.leads(n, err) {
			return place + "/" + name, true
		}
	}
	return "", false
}

func (f *Finder) leads(n int, err error) bool {
	return err == nil && n < len(f.buf) && f.Wanted(string(f.buf[:n]))
}
