package cgroup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseOwn(t *testing.T) {
	for _, c := range []struct {
		name, text, own string
		v1              []string
	}{
		{"unified", "0::/user.slice/user-1000.slice/session-2.scope\n", "/user.slice/user-1000.slice/session-2.scope", nil},
		{"hybrid", "9:name=systemd:/x\n3:cpu,cpuacct:/\n0::/y\n", "/y", []string{"cpu", "cpuacct"}},
		{"version 1", "3:memory:/\n", "", []string{"memory"}},
		{"a colon in a name", "0::/a:b\n", "/a:b", nil},
		{"empty", "", "", nil},
		{"garbage", "0:\n::\n", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			own, v1 := parseOwn(c.text)
			if own != c.own || !slices.Equal(v1, c.v1) {
				t.Errorf("got %q %q, want %q %q", own, v1, c.own, c.v1)
			}
		})
	}
}

func TestParseMounts(t *testing.T) {
	const v1 = "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
	for _, c := range []struct{ name, text, own, mount, root string }{
		{"unified", v1 + "27 20 0:25 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n", "/a/b", "/sys/fs/cgroup", "/"},
		{"a part of it", "27 20 0:25 /a /mnt rw - cgroup2 cgroup2 rw\n", "/a/b", "/mnt", "/a"},
		{"another part", "27 20 0:25 /a /mnt rw - cgroup2 cgroup2 rw\n", "/ab", "", ""},
		{"version 1", v1, "/a", "", ""},
		{"outside of the namespace's root", "27 20 0:25 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "/../a", "", ""},
		{"no version 2", "27 20 0:25 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "", "", ""},
		{"escaped", `27 20 0:25 / /a\040b rw - cgroup2 cgroup2 rw` + "\n", "/", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			mount, root := parseMounts(c.text, c.own)
			if mount != c.mount || root != c.root {
				t.Errorf("got %q %q, want %q %q", mount, root, c.mount, c.root)
			}
		})
	}
}

func TestDir(t *testing.T) {
	for _, c := range []struct{ mount, root, cgroup, want string }{
		{"/sys/fs/cgroup", "/", "/a/b", "/sys/fs/cgroup/a/b"},
		{"/sys/fs/cgroup", "/", "/", "/sys/fs/cgroup"},
		{"/mnt", "/a", "/a", "/mnt"},
		{"/mnt", "/a", "/a/b", "/mnt/b"},
		{"/mnt", "/a", "/ab", ""},
		{"/mnt", "/", "/a/../../b", ""},
		{"", "", "/a", ""},
	} {
		if got := (&hierarchy{mount: c.mount, root: c.root}).dir(c.cgroup); got != c.want {
			t.Errorf("dir(%q) with %q at %q: %q, want %q", c.cgroup, c.root, c.mount, got, c.want)
		}
	}
}

// fake makes a tree of cgroups, as far as files can play it. Keys are paths of
// files below it.
func fake(t *testing.T, files map[string]string) string {
	t.Helper()
	top := t.TempDir()
	for file, text := range files {
		path := filepath.Join(top, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return top
}

func TestProvides(t *testing.T) {
	want := []string{"memory", "pids"}
	for _, c := range []struct {
		name, reason string
		v1           []string
		files        map[string]string // nil: not mounted
		missing      string
	}{
		{"all", "", nil, map[string]string{"cgroup.controllers": "cpu memory pids\n"}, ""},
		{"version 1", "cgroup v1", []string{"memory"}, nil, "memory pids"},
		{"nothing", "not mounted", nil, nil, "memory pids"},
		{"hybrid", "hybrid", []string{"memory", "pids"}, map[string]string{"cgroup.controllers": ""}, "memory pids"},
		{"a container", "container", nil, map[string]string{"cgroup.controllers": "pids", "cgroup.type": "domain"}, "memory"},
		{"a kernel", "kernel", nil, map[string]string{"cgroup.controllers": "pids"}, "memory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &hierarchy{root: "/", own: "/", v1: c.v1}
			if c.files != nil {
				h.mount = fake(t, c.files)
			}
			err := h.provides(want)
			if c.reason == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var d *DelegationError
			if !errors.As(err, &d) {
				t.Fatalf("got %v, want a DelegationError", err)
			}
			if !strings.Contains(d.Reason, c.reason) || strings.Join(d.Missing, " ") != c.missing || len(d.Fix) == 0 {
				t.Errorf("got %v with %q", d, d.Fix)
			}
		})
	}
}

// tree has an ancestor that is divisible, and a nearer one that is not.
func tree(t *testing.T) *hierarchy {
	t.Helper()
	h := &hierarchy{root: "/", own: "/a/b/c", uid: 1000}
	h.mount = fake(t, map[string]string{
		"cgroup.controllers": "cpu memory pids\n",
		// Delegated: all three are there.
		"a/cgroup.controllers": "memory pids\n", "a/cgroup.procs": "", "a/cgroup.subtree_control": "memory pids\n", "a/cgroup.type": "domain\n",
		// Threaded.
		"a/b/cgroup.controllers": "\n", "a/b/cgroup.procs": "", "a/b/cgroup.subtree_control": "", "a/b/cgroup.type": "threaded\n",
		// Not for us: no subtree_control.
		"a/b/c/cgroup.procs": "",
	})
	return h
}

func TestDivisible(t *testing.T) {
	h := tree(t)
	var got []string
	for _, dir := range ancestors(h.dir(h.own), h.mount) {
		if divisible(dir) {
			got = append(got, dir)
		}
	}
	if want := []string{filepath.Join(h.mount, "a")}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBelowRefused(t *testing.T) {
	h := tree(t)
	_, err := h.below("x", []string{"memory", "cpu"})
	var d *DelegationError
	if !errors.As(err, &d) {
		t.Fatalf("got %v, want a DelegationError", err)
	}
	if !slices.Equal(d.Missing, []string{"cpu"}) || len(d.Fix) == 0 {
		t.Errorf("missing %q, fix %q", d.Missing, d.Fix)
	}
	if !strings.Contains(err.Error(), "limits of cpu cannot hold") || !strings.Contains(err.Error(), filepath.Join(h.mount, "a")) {
		t.Errorf("got %q", err)
	}
}

// A folder that cannot be used has to be left as it was: the fake kernel makes
// no cgroup.procs in new cgroups, so the first move fails.
func TestBelowUndone(t *testing.T) {
	h := tree(t)
	if _, err := h.below("x", []string{"memory"}); err == nil {
		t.Fatal("a folder of files passed for a cgroup")
	}
	if left, _ := filepath.Glob(filepath.Join(h.mount, "a", name+"*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func TestSweep(t *testing.T) {
	top := fake(t, map[string]string{
		name + "running/cgroup.events": "populated 1\nfrozen 0\n",
		name + "new/cgroup.events":     "populated 0\nfrozen 0\n",
		"other/cgroup.events":          "populated 0\nfrozen 0\n",
	})
	// rmdir of a folder with files fails, other than in cgroup2, so that what
	// is swept is a folder without.
	for _, dir := range []string{"dead/jail", "dead/supervisor"} {
		if err := os.MkdirAll(filepath.Join(top, name+dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	sweep(top, time.Now().Add(2*young))
	if _, err := os.Stat(filepath.Join(top, name+"dead")); err != nil {
		t.Error("without cgroup.events it is no cgroup, and was removed")
	}
	if err := os.Symlink(filepath.Join(top, name+"new/cgroup.events"), filepath.Join(top, name+"dead/cgroup.events")); err != nil {
		t.Fatal(err)
	}
	sweep(top, time.Now())
	if _, err := os.Stat(filepath.Join(top, name+"dead/jail")); err != nil {
		t.Error("young, and was removed")
	}
	sweep(top, time.Now().Add(2*young))
	if _, err := os.Stat(filepath.Join(top, name+"dead/jail")); !errors.Is(err, os.ErrNotExist) {
		t.Error("empty and old, and is still there")
	}
	for _, dir := range []string{name + "running", "other"} {
		if _, err := os.Stat(filepath.Join(top, dir)); err != nil {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

// A host without a manager is one where the next way is tried.
func TestNoManager(t *testing.T) {
	h := &hierarchy{uid: 1000, run: t.TempDir()}
	if _, err := h.scope(context.Background(), "x", []string{"memory"}); !errors.Is(err, errNoManager) {
		t.Errorf("got %v", err)
	}
}

func TestRunDir(t *testing.T) {
	for _, c := range []struct {
		uid       int
		xdg, want string
	}{
		{0, "/run/user/0", "/run"},
		{4294967, "", "/run/user/4294967"},
		{4294967, "relative", "/run/user/4294967"},
		{4294967, "/run/mine", "/run/mine"},
	} {
		if got := runDir(c.uid, c.xdg); got != c.want {
			t.Errorf("runDir(%d, %q) = %q, want %q", c.uid, c.xdg, got, c.want)
		}
	}
}
