package needs

import (
	"context"
	"errors"
	"io/fs"
	maps0 "maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/host/hosttest"
)

// newProbe plays a host on which everything works, for an unprivileged user.
func newProbe(t *testing.T, files map[string]string) *probe {
	t.Helper()
	f := hosttest.New(t)
	f.UID, f.GID = 4242, 4242
	hosttest.Write(t, f.Root, map[string]string{
		"proc/self/ns/user": "", "proc/self/status": "Name:\tx\nSeccomp:\t0\n", "proc/self/cgroup": "0::/\n",
		"proc/sys/kernel/osrelease": "6.8.0-31-generic\n", "proc/sys/user/max_user_namespaces": "63000\n",
	})
	for name := range files {
		os.Remove(filepath.Join(f.Root, name))
	}
	hosttest.Write(t, f.Root, files)
	return &probe{
		Source: f.Source, executable: "/usr/local/bin/jailed-claude",
		try:      func(uintptr) error { return nil },
		redirect: func(context.Context) error { return nil },
		landlock: func() (int, error) { return 4, nil },
		terminal: func(int) bool { return true },
	}
}

func (p *probe) need(t *testing.T, name string) Need {
	t.Helper()
	for _, n := range p.needs(context.Background(), filepath.Join(p.Env["HOME"], "src/project")) {
		if n.Name == name {
			return n
		}
	}
	t.Fatalf("no need %q", name)
	return Need{}
}

func refuse(err error) func(uintptr) error { return func(uintptr) error { return err } }

func TestUserNamespaces(t *testing.T) {
	const debian, ubuntu = "proc/sys/kernel/unprivileged_userns_clone", "proc/sys/kernel/apparmor_restrict_unprivileged_userns"
	for _, c := range []struct {
		name   string
		files  map[string]string
		try    func(uintptr) error
		detail string
		fix    string
	}{
		{"works", nil, refuse(nil), "can be made", ""},
		// What works is not explained away by a setting.
		{"works in spite of a setting", map[string]string{ubuntu: "1\n"}, refuse(nil), "can be made", ""},
		{"Debian", map[string]string{debian: "0\n"}, refuse(unix.EPERM), "unprivileged_userns_clone", "echo 'kernel.unprivileged_userns_clone = 1' | sudo tee"},
		{"Debian, allowed, but else", map[string]string{debian: "1\n"}, refuse(unix.EPERM), "operation not permitted", ""},
		{"maximum", map[string]string{"proc/sys/user/max_user_namespaces": "0\n"}, refuse(unix.ENOSPC), "max_user_namespaces is 0", "user.max_user_namespaces = 15000"},
		{"Ubuntu", map[string]string{ubuntu: "1\n"}, refuse(unix.EPERM), "AppArmor", "profile jailed-claude \"/usr/local/bin/jailed-claude\" flags=(unconfined) {\n  userns,"},
		{"limit reached", nil, refuse(unix.ENOSPC), "limit", ""},
		{"docker", map[string]string{".dockerenv": ""}, refuse(unix.EPERM), ".dockerenv", ""},
		{"some sandbox", map[string]string{"proc/self/status": "Seccomp:\t2\n"}, refuse(unix.EPERM), "seccomp filter", ""},
		{"one kind only", nil, func(flags uintptr) error {
			if flags&unix.CLONE_NEWNET != 0 {
				return unix.EPERM
			}
			return nil
		}, "a network namespace", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newProbe(t, c.files)
			p.try = c.try
			n := p.need(t, "user-namespaces")
			ok := c.detail == "can be made"
			if n.OK != ok || !n.Required || !strings.Contains(n.Detail, c.detail) || strings.Contains(n.Detail, "\n") {
				t.Errorf("%+v", n)
			}
			if fix := strings.Join(n.Fix, "\n"); !strings.Contains(fix, c.fix) || (c.fix == "") != (fix == "") {
				t.Errorf("fix %q, want %q", fix, c.fix)
			}
			bad := failing(p.needs(context.Background(), filepath.Join(p.Env["HOME"], "src/project")))
			if ok != (len(bad) == 0) {
				t.Errorf("blamed: %+v", bad)
			}
		})
	}
	p := newProbe(t, nil)
	os.Remove(filepath.Join(p.Root, "proc/self/ns/user"))
	p.try = refuse(unix.EINVAL)
	if n := p.need(t, "user-namespaces"); n.OK || !strings.Contains(n.Detail, "CONFIG_USER_NS") {
		t.Errorf("%+v", n)
	}
}

// The real trial tells a refusal from success, and needs no program.
func TestTryNamespaces(t *testing.T) {
	try := tryNamespaces(os.Getuid(), os.Getgid())
	if err := try(unix.CLONE_NEWNS); err != nil {
		if os.Getenv("JAIL_TEST_MUST_RUN") != "" {
			t.Fatal(err)
		}
		t.Skipf("no user namespaces here: %v", err)
	}
	// No kernel has this flag for unshare(2).
	if err := try(unix.CLONE_VFORK); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a flag that cannot be: %v", err)
	}
	if err := tryNamespaces(os.Getuid()+1, os.Getgid())(unix.CLONE_NEWNS); os.Getuid() != 0 && !errors.Is(err, unix.EPERM) {
		t.Errorf("somebody else's id: %v", err)
	}
}

func TestAttachment(t *testing.T) {
	for file, want := range map[string]string{
		"":                                ``,
		"/a\nb":                           ``,
		"/usr/bin/jailed-claude":          `"/usr/bin/jailed-claude"`,
		"/home/a b/{x}*/jc":               `"/home/a b/\{x\}\*/jc"`,
		`/home/"q"`:                       `"/home/\"q\""`,
		"/nix/store/abc-jc-1.2.3/bin/jc":  `"/nix/store/*-jc*/bin/jc"`,
		"/nix/store/abc-a-b/bin/[x]":      `"/nix/store/*-a-b*/bin/\[x\]"`,
		"/nix/store/abc-x-0-unstable/bin": `"/nix/store/*-x*/bin"`,
	} {
		if got := attachment(file); got != want {
			t.Errorf("%q: %s, want %s", file, got, want)
		}
	}
}

func TestCgroups(t *testing.T) {
	const (
		all   = "cpuset cpu io memory pids\n"
		user  = "sys/fs/cgroup/user.slice/user-4242.slice/user@4242.service"
		scope = user + "/app.slice/term.scope"
		login = "sys/fs/cgroup/user.slice/user-4242.slice/session-2.scope"
	)
	// cgroup are the files of one that root owns; own makes it the user's.
	cgroup := func(dir, controllers string) map[string]string {
		return map[string]string{dir + "/cgroup.controllers": controllers, dir + "/cgroup.procs": "", dir + "/cgroup.subtree_control": ""}
	}
	join := func(maps ...map[string]string) map[string]string {
		all := map[string]string{}
		for _, m := range maps {
			maps0.Copy(all, m)
		}
		return all
	}
	root := map[string]string{"sys/fs/cgroup/cgroup.controllers": all}
	systemd := map[string]string{"run/systemd/system/": ""}
	for _, c := range []struct {
		name   string
		files  map[string]string
		own    []string
		ok     bool
		detail string
		fix    string
	}{
		{
			"desktop", join(root, cgroup(user, all), cgroup(user+"/app.slice", all), cgroup(scope, "memory pids\n"), map[string]string{"proc/self/cgroup": "0::/" + hosttest.Rel(scope, "sys/fs/cgroup") + "\n"}),
			[]string{user, user + "/app.slice", scope},
			true, "user@4242.service", "",
		},
		{
			"login", join(root, cgroup(user, all), cgroup(login, all), map[string]string{"proc/self/cgroup": "0::/" + hosttest.Rel(login, "sys/fs/cgroup") + "\n"}),
			[]string{user},
			true, "user@4242.service", "",
		},
		{
			"not all delegated", join(root, systemd, cgroup(user, "memory pids\n"), map[string]string{"proc/self/cgroup": "0::/" + hosttest.Rel(user, "sys/fs/cgroup") + "\n"}),
			[]string{user},
			false, "not delegated to you: cpu;", "Delegate=cpu cpuset io memory pids",
		},
		{"nothing delegated", join(root, cgroup(login, all)), nil, false, "no cgroup around", ""},
		{"hybrid", join(systemd, map[string]string{"sys/fs/cgroup/unified/": "", "etc/default/grub": ""}), nil, false, "hybrid", "unified_cgroup_hierarchy=1"},
		{"hybrid, no systemd", map[string]string{"sys/fs/cgroup/unified/": ""}, nil, false, "hybrid", ""},
		{"version 1", map[string]string{"sys/fs/cgroup/memory/": ""}, nil, false, "version 1:", ""},
		{"none", nil, nil, false, "not mounted", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newProbe(t, c.files)
			if os.Getuid() == 0 {
				for _, dir := range c.own {
					if err := os.Chown(filepath.Join(p.Root, dir), p.UID, p.GID); err != nil {
						t.Fatal(err)
					}
				}
			} else if len(c.own) > 0 {
				t.Skip("to give folders away takes root")
			}
			n := p.need(t, "cgroups")
			if n.OK != c.ok || n.Required || !strings.Contains(n.Detail, c.detail) {
				t.Errorf("%+v", n)
			}
			if fix := strings.Join(n.Fix, "\n"); !strings.Contains(fix, c.fix) || (c.fix == "") != (fix == "") {
				t.Errorf("fix %q, want %q", fix, c.fix)
			}
		})
	}
}

func TestOtherNeeds(t *testing.T) {
	p := newProbe(t, map[string]string{"nix/store/": ""})
	for name, detail := range map[string]string{
		"seccomp": "filters", "kernel": "mount_setattr", "nf_tables": "can be redirected", "landlock": "version 4", "subuid": "not needed",
		"terminal": "are a terminal", "nix-store": "can be read", "project": "written",
	} {
		if n := p.need(t, name); !n.OK || !strings.Contains(n.Detail, detail) {
			t.Errorf("%+v", n)
		}
	}
	for name, detail := range map[string]string{"claude": "not on PATH", "nix": "not on PATH", "nix-daemon": "not reachable"} {
		if n := p.need(t, name); n.OK || n.Required || !strings.Contains(n.Detail, detail) {
			t.Errorf("%+v", n)
		}
	}

	p = newProbe(t, map[string]string{"proc/sys/kernel/osrelease": "5.4.0-1\n", "proc/self/status": "Name:\tx\n"})
	p.redirect, p.landlock = func(context.Context) error { return unix.EPROTONOSUPPORT }, func() (int, error) { return 0, unix.EOPNOTSUPP }
	p.terminal = func(fd int) bool { return fd == 1 }
	p.Look = func(name string) (string, error) {
		if name == "claude" {
			return "/home/x/.local/bin/claude", nil
		}
		return "", fs.ErrNotExist
	}
	for name, want := range map[string]struct {
		ok     bool
		detail string
	}{
		"kernel": {false, "5.4.0-1: too old, a jail needs 5.10"}, "nf_tables": {false, `protocol not supported; without it: network.via = "proxy"`}, "landlock": {false, "not enabled"},
		"terminal": {true, "only one"}, "claude": {true, "/home/x/.local/bin/claude"}, "nix-store": {false, "there is none"},
		"seccomp": {false, "no system call filter"},
	} {
		if n := p.need(t, name); n.OK != want.ok || !strings.Contains(n.Detail, want.detail) {
			t.Errorf("%+v", n)
		}
	}
	if n := p.need(t, "nf_tables"); n.Required || len(n.Fix) != 1 || !strings.HasPrefix(n.Fix[0], "sudo modprobe ") {
		t.Errorf("%+v", n)
	}
	p.Env["HOME"] = ""
	if n := p.need(t, "project"); n.OK || n.Required {
		t.Errorf("%+v", n)
	}
}

func TestNeedsOfThisHost(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Chdir(t.TempDir())
	all := Needs(context.Background(), nil, nil)
	for _, n := range all {
		if n.Name == "" || n.Detail == "" || strings.Contains(n.Detail, "\n") || n.OK && len(n.Fix) > 0 {
			t.Errorf("%+v", n)
		}
	}
	if len(blame(context.Background())) != len(failing(all)) {
		t.Error("Blame is not what fails")
	}
}
