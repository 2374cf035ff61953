package supervisor

import (
	"errors"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/spec/contract"
)

func usual(t *testing.T) *specs.Spec {
	t.Helper()
	return contract.UsualFrame(1000, 100, false, "/srv/jailed-claude")
}

// TestContainerIsOfItsFrame: a container that was created ahead is kept for the jail that it is of,
// whatever is to come into it, and for no other.
func TestContainerIsOfItsFrame(t *testing.T) {
	c := &container{spec: usual(t)}
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
		s := usual(t)
		tt.change(s)
		if got := c.is(contract.Frame(s)); got != tt.want {
			t.Errorf("%s: it is: %v", name, got)
		}
	}
}

// TestAbandon: what is not needed is ended when it is there, or could not be
// made, and is then that of no jail.
func TestAbandon(t *testing.T) {
	var none *container
	none.abandon()
	if none.is(usual(t)) || none.there() != nil {
		t.Error("what was not made is there")
	}
	for _, failed := range []error{nil, errors.New("no container")} {
		j := &jail{container: &container{spec: usual(t), created: make(chan struct{}), err: failed}}
		c := j.container
		abandoned := make(chan struct{})
		go func() {
			defer close(abandoned)
			j.abandon()
		}()
		select {
		case <-abandoned:
			t.Fatal("a container was ended while it was made")
		case <-time.After(20 * time.Millisecond):
		}
		close(c.created)
		<-abandoned
		if j.container != nil || j.container.is(usual(t)) {
			t.Error("it was ended, and is the jail's")
		}
		if err := c.there(); !errors.Is(err, failed) {
			t.Errorf("%v, want %v", err, failed)
		}
	}
}
