package quick

import (
	"os"
	"os/exec"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/userns"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestProcessorsOfThreads: the first thread is alone where it is, and all run
// everywhere afterwards.
func TestProcessorsOfThreads(t *testing.T) {
	if !userns.IsSupervisor() {
		self, err := os.Executable()
		must(t, err)
		c := exec.Command(self, "-test.run=^"+t.Name()+"$", "-test.v")
		c.Env = append(os.Environ(), userns.Variable+"=test")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%v:\n%s", err, out)
		}
		return
	}
	var all unix.CPUSet
	must(t, unix.SchedGetaffinity(0, &all))
	Apart()
	first, others := processors(t)
	if all.Count() > 1 {
		if first.Count() != 1 || others.Count() != all.Count()-1 {
			t.Errorf("the first thread has %d processors and others %d, of %d", first.Count(), others.Count(), all.Count())
		}
		for i := range 1024 {
			if first.IsSet(i) && others.IsSet(i) {
				t.Errorf("both run on %d", i)
			}
		}
	}
	Together()
	if first, others := processors(t); first != all || others != all {
		t.Errorf("afterwards %v and %v, of %v", first, others, all)
	}
}

// processors are those of the first thread, and of all others together.
func processors(t *testing.T) (first, others unix.CPUSet) {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	must(t, err)
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		must(t, err)
		var s unix.CPUSet
		if err := unix.SchedGetaffinity(tid, &s); err != nil {
			continue // it has ended
		}
		if tid == os.Getpid() {
			first = s
			continue
		}
		for i := range 1024 {
			if s.IsSet(i) {
				others.Set(i)
			}
		}
	}
	return first, others
}
