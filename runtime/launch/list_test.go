package launch

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
)

// TestListOnce: a jail is its supervisor, and no other process that has the
// announcement open: one that reads it, or one that has inherited it.
func TestListOnce(t *testing.T) {
	p := &Plan{Spec: usual(), Options: Options{ID: "a-test-of-launch"}}
	must(t, announce(p))
	t.Cleanup(func() { announcing.Close() })
	reads, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", announcing.Fd()))
	must(t, err)
	defer reads.Close()
	for _, f := range []*os.File{reads, announcing} {
		c := exec.Command("sleep", "1000")
		c.ExtraFiles = []*os.File{f}
		must(t, c.Start())
		t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	}
	all, err := List()
	must(t, err)
	all = slices.DeleteFunc(all, func(j Running) bool { return j.ID != p.Options.ID })
	if len(all) != 1 || all[0].PID != os.Getpid() || all[0].Project != p.Spec.Process.Cwd {
		t.Errorf("%+v", all)
	}
	if j, err := Find(p.Options.ID, ""); err != nil || j.PID != os.Getpid() {
		t.Errorf("%+v, %v", j, err)
	}
}
