package foreign

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// children are those of this process's first thread, to which the kernel gives every
// orphan that this process gets; none where it does not tell (CONFIG_PROC_CHILDREN).
// To ask every thread takes a millisecond.
func children() map[int]bool {
	all := map[int]bool{}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/children", os.Getpid()))
	for field := range strings.FieldsSeq(string(text)) {
		if pid, err := strconv.Atoi(field); err == nil {
			all[pid] = true
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
