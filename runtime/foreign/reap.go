package foreign

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// children are those of this process, by whichever thread; none where the kernel does
// not tell (CONFIG_PROC_CHILDREN).
func children() map[int]bool {
	all := map[int]bool{}
	files, _ := filepath.Glob("/proc/self/task/*/children")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for field := range strings.FieldsSeq(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				all[pid] = true
			}
		}
	}
	return all
}

// reap lets go of what a runtime left of itself, dead: all children but those from
// before, and one. crun leaves the process that made the container.
func reap(before map[int]bool, but int) {
	for pid := range children() {
		if !before[pid] && pid != but {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
	}
}
