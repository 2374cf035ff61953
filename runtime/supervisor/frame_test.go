package supervisor

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

func usual(t *testing.T, terminal bool) *specs.Spec {
	t.Helper()
	return contract.UsualFrame(1000, 100, terminal, "/srv/jailed-claude")
}

// TestFits: a container that was begun ahead is kept for the jail that it is of,
// whatever is to come into it, and for no other.
func TestFits(t *testing.T) {
	f := &frame{spec: usual(t, false)}
	for name, tt := range map[string]struct {
		change func(s *specs.Spec)
		want   bool
	}{
		"the same": {func(*specs.Spec) {}, true},
		"filled": {func(s *specs.Spec) {
			s.Process.Args, s.Process.Cwd = []string{"a"}, "/work"
			s.Mounts = append(s.Mounts, bindMount("/srv", "/work"))
			s.Linux.Seccomp = &specs.LinuxSeccomp{}
		}, true},
		"a terminal": {func(s *specs.Spec) { s.Process.Terminal = true }, false},
		"a capability more": {func(s *specs.Spec) {
			s.Process.Capabilities.Bounding = append(s.Process.Capabilities.Bounding, "CAP_KILL")
		}, false},
		"a namespace less": {func(s *specs.Spec) { s.Linux.Namespaces = s.Linux.Namespaces[1:] }, false},
		"another PID 1":    {func(s *specs.Spec) { s.Mounts[len(s.Mounts)-1].Source = "/srv/other" }, false},
		"limits":           {func(s *specs.Spec) { s.Linux.Resources = &specs.LinuxResources{Pids: &specs.LinuxPids{}} }, false},
	} {
		s := usual(t, false)
		tt.change(s)
		if got := f.fits(s); got != tt.want {
			t.Errorf("%s: it fits: %v", name, got)
		}
	}
}

// TestTake: what fits and runs is taken; anything else is ended, and whoever
// wanted it makes its own.
func TestTake(t *testing.T) {
	var none *ahead
	if none.take(true) != nil || none.fits(usual(t, false)) || none.netNS() != nil {
		t.Error("what was not begun is there")
	}
	none.start()
	none.close()
	begun := func(failed bool) *ahead {
		return &ahead{frame: &frame{spec: usual(t, false), tree: &rootfs.Tree{Dir: t.TempDir()}}, failed: failed, begun: make(chan struct{})}
	}
	for _, tt := range []struct{ fits, failed, want bool }{{true, false, true}, {false, false, false}, {true, true, false}} {
		a := begun(tt.failed)
		if got := a.take(tt.fits); (got != nil) != tt.want {
			t.Errorf("fits %v, failed %v: taken %v", tt.fits, tt.failed, got != nil)
		}
	}
}

// TestEndAhead: what was ended is not taken.
func TestEndAhead(t *testing.T) {
	a := &ahead{frame: &frame{spec: usual(t, false), tree: &rootfs.Tree{Dir: t.TempDir()}}, begun: make(chan struct{})}
	go close(a.begun)
	a.end()
	if a.fits(usual(t, false)) || a.take(true) != nil {
		t.Error("it was ended, and is taken")
	}
	(*ahead)(nil).end()
}
