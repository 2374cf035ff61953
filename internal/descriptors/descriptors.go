// Package descriptors finds an open file of a process by where /proc/PID/fd says that
// it leads.
//
// What does not belong here: which files matter, and opening them.
package descriptors

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Find returns the path of the first descriptor of a process whose target is wanted,
// in no order. It is for lists of many processes: names are not sorted, and links are
// read from their folder.
func Find(pid int, wanted func(target string) bool) (path string, ok bool) {
	place := "/proc/" + strconv.Itoa(pid) + "/fd"
	dir, err := os.Open(place)
	if err != nil {
		return "", false
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1) // it may end meanwhile
	var buf [128]byte                // longer ones are none of ours
	for _, name := range names {
		n, err := unix.Readlinkat(int(dir.Fd()), name, buf[:])
		if err == nil && n < len(buf) && wanted(string(buf[:n])) {
			return place + "/" + name, true
		}
	}
	return "", false
}
