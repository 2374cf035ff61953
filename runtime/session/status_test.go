package session

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/runtime/announcement"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
)

// TestState: what shows something works, what has called since something was typed
// waits, and all else is idle.
func TestState(t *testing.T) {
	const never = -1
	for _, c := range []struct {
		shown, typed, called time.Duration
		want                 string
	}{
		{never, never, never, Idle},
		{0, never, never, Working},
		{time.Second, never, time.Second, Working},
		{time.Second, time.Minute, never, Working},
		{time.Second, time.Second, never, Idle}, // an echo
		{2 * time.Second, time.Second, never, Idle},
		{busy, never, never, Idle},
		{time.Minute, never, time.Minute, Waits},
		{time.Minute, time.Hour, time.Minute, Waits},
		{time.Second, 0, time.Minute, Idle},
		{time.Minute, time.Second, time.Minute, Idle},
		{time.Hour, never, never, Idle},
	} {
		if got := state(&announcement.Seen{Shown: c.shown, Typed: c.typed, Called: c.called}); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// TestStatusOf: a layer holds a change as soon as there is more in it than folders, or
// more of these than a list looks into; where one cannot be seen any more the jail is
// ending.
func TestStatusOf(t *testing.T) {
	if s := statusOf(launch.Running{PID: os.Getpid()}); s != nil {
		t.Errorf("it is starting: %+v", s)
	}
	upper := func(folders int, more func(dir string) error) string {
		dir := t.TempDir()
		for i := range folders {
			if err := os.Mkdir(filepath.Join(dir, fmt.Sprint(i)), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if more != nil {
			if err := more(dir); err != nil {
				t.Fatal(err)
			}
		}
		f, err := os.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return fmt.Sprint(f.Fd())
	}
	empty := upper(10, nil)
	changed := upper(2, func(dir string) error { return os.WriteFile(dir+"/1/new", nil, 0o600) })
	linked := upper(0, func(dir string) error { return os.Symlink("/proc", dir+"/link") })
	many := upper(maxFolders+1, nil)
	for what, c := range map[string]struct {
		layers []string
		want   string
	}{
		"no layer": {nil, ""}, "an empty one": {[]string{empty}, LayerEmpty}, "one of two": {[]string{empty, changed}, LayerChanged},
		"a symlink": {[]string{linked}, LayerChanged}, "many folders": {[]string{many}, LayerChanged}, "one that is gone": {[]string{"99999"}, ""},
	} {
		j := launch.Running{PID: os.Getpid(), Seen: announcement.Seen{Constant: &announcement.Constant{Layers: c.layers}, Shown: 0}}
		if s := statusOf(j); s == nil || s.Layer != c.want || s.State != "" {
			t.Errorf("%s: %+v", what, s)
		}
	}
}

// TestFullLayer: however many names a jail makes in a layer, few of them are read.
func TestFullLayer(t *testing.T) {
	dir := t.TempDir()
	for i := range 6 * maxFolders {
		if err := os.MkdirAll(filepath.Join(dir, "in", fmt.Sprint(i)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	n := testing.AllocsPerRun(3, func() {
		if changed, err := holds(dir); !changed || err != nil {
			t.Errorf("changed %v, %v", changed, err)
		}
	})
	if n > 10*maxFolders {
		t.Errorf("%v pieces of memory for a list", n)
	}
}

// TestUsage: a process uses what it does, and what its children do.
func TestUsage(t *testing.T) {
	c := exec.Command("sleep", "1000")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
	all := usage()
	both, child := all.of(os.Getpid()), all.of(c.Process.Pid)
	// The kernel counts the first pages of a process late.
	if both.Memory <= child.Memory || both.CPU < child.CPU || !slices.Contains(all.children[os.Getpid()], c.Process.Pid) {
		t.Errorf("%+v, and of the child %+v", both, child)
	}
	if none := all.of(1 << 30); none != (Usage{}) {
		t.Errorf("of none: %+v", none)
	}
}
