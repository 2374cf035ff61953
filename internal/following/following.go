// Package following finds the program that a PATH has after this one, for a
// program that comes first on it.
//
// What does not belong here: programs that a jail cannot have changed (program).
package following

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Program is the first of that name on PATH that is not this one; empty if there
// is none.
func Program(name string) string {
	self, err := os.Stat("/proc/self/exe")
	if err != nil {
		return ""
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		p := filepath.Join(dir, name)
		fi, err := os.Stat(p)
		if dir != "" && err == nil && fi.Mode().IsRegular() && !os.SameFile(fi, self) && unix.Access(p, unix.X_OK) == nil {
			return p
		}
	}
	return ""
}
