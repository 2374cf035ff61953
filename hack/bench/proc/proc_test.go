package proc

import (
	"os"
	"os/exec"
	"slices"
	"testing"
)

func TestRollup(t *testing.T) {
	rss, pss, err := rollup([]byte("55-7f ---p 0 00:00 0 [rollup]\nRss:   2048 kB\nPss:   1024 kB\nPss_Anon: 9 kB\n"))
	if rss != 2 || pss != 1 || err != nil {
		t.Errorf("%v %v %v", rss, pss, err)
	}
	if _, _, err := rollup([]byte("Rss: 3 kB\n")); err == nil {
		t.Error("no Pss, and no error")
	}
	self := Tree(os.Getpid())
	if len(self) == 0 || self[0].PID != os.Getpid() {
		t.Fatalf("the tree of this process: %v", self)
	}
	c := exec.Command("/bin/sleep", "100")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
	for name, all := range map[string][]Process{"by children": Tree(os.Getpid()), "by parents": treeByParents(os.Getpid())} {
		if !slices.ContainsFunc(all, func(p Process) bool { return p.PID == c.Process.Pid && p.Parent == os.Getpid() }) {
			t.Errorf("%s: a child is missing in %v", name, all)
		}
	}
	u, err := Measure(self[:1], func(Process) bool { return false })
	if err != nil || u.RSS < 1 || u.PSS > u.RSS || u.Processes != 1 {
		t.Errorf("this process: %+v %v", u, err)
	}
	if _, err := Measure(self[:1], func(Process) bool { return true }); err == nil {
		t.Error("nothing was measured, and no error")
	}
}
