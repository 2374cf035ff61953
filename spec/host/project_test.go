package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestProjectRefused(t *testing.T) {
	f := newFake(t)
	own := filepath.Join(f.home, ".config/jailed-claude")
	write(t, f.home, map[string]string{
		"file": "", "home-link": "->.", ".ssh/": "", ".claude/skills/x/": "",
		".config/jailed-claude/inner/": "", ".local/state/jailed-claude/": "", ".config-other/": "",
		"bad\xffname/": "", "state-link": "->.local/state/jailed-claude",
	})
	locked := filepath.Join(f.home, "locked")
	if err := os.Mkdir(locked, 0); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		dir  string
		want error
	}{
		{"/", ErrProjectWide},
		{"//", ErrProjectWide},
		{f.home, ErrProjectWide},
		{f.home + "/", ErrProjectWide},
		{filepath.Dir(f.home), ErrProjectWide},
		{filepath.Join(f.home, "home-link"), ErrProjectWide},
		{filepath.Join(f.home, "src/.."), ErrProjectWide},
		{"/proc/self/root", ErrProjectWide},
		{own, ErrProjectOwn},
		{filepath.Join(own, "inner"), ErrProjectOwn},
		{filepath.Dir(own), ErrProjectOwn},
		{filepath.Join(f.home, ".local"), ErrProjectOwn},
		{filepath.Join(f.home, "state-link"), ErrProjectOwn},
		{filepath.Join(f.home, ".ssh"), ErrProjectSystem},
		{filepath.Join(f.home, ".claude/skills/x"), ErrProjectSystem},
		{"/etc", ErrProjectSystem},
		{"/etc/ssl", ErrProjectSystem},
		{"/proc", ErrProjectSystem},
		{"/proc/self/fd", ErrProjectSystem},
		{"/sys", ErrProjectSystem},
		{"/dev", ErrProjectSystem},
		{"/usr", ErrProjectSystem},
		{"/usr/bin", ErrProjectSystem},
		{"/bin", ErrProjectSystem},
		{"/var", ErrProjectSystem},
		{filepath.Join(f.home, "missing"), ErrProjectMissing},
		{filepath.Join(f.home, "file"), ErrProjectNotDir},
		{filepath.Join(f.home, "file/x"), ErrProjectNotDir},
		{filepath.Join(f.home, "bad\xffname"), ErrProjectName},
	} {
		if under(f.home, c.dir) && errors.Is(c.want, ErrProjectSystem) {
			// The test's own home lies below it (TMPDIR=/var/tmp).
			c.want = ErrProjectWide
		}
		_, err := f.read(context.Background(), Options{ProjectDir: c.dir})
		var pe *ProjectError
		if !errors.Is(err, c.want) || !errors.As(err, &pe) || pe.Detail == "" || pe.Hint == "" {
			t.Errorf("%q: %v, want %v", c.dir, err, c.want)
		}
	}
	if os.Geteuid() != 0 {
		for _, dir := range []string{locked, filepath.Join(locked, "x")} {
			if _, err := f.read(context.Background(), Options{ProjectDir: dir}); !errors.Is(err, ErrProjectUnreadable) {
				t.Errorf("%q: %v, want ErrProjectUnreadable", dir, err)
			}
		}
	}
	// By component: a name that only begins like one of ours.
	f.mustRead(Options{ProjectDir: filepath.Join(f.home, ".config-other")})
	if facts := f.mustRead(Options{}); facts.Project.Dir != f.project {
		t.Errorf("project %q", facts.Project.Dir)
	}
}

func TestProjectIsWorkingDirectory(t *testing.T) {
	f := newFake(t)
	write(t, f.home, map[string]string{"link": "->src/project"})
	t.Chdir(filepath.Join(f.home, "link"))
	facts, err := f.read(context.Background(), Options{})
	if err != nil || facts.Project.Dir != f.project {
		t.Errorf("%v, %v", facts, err)
	}
	if err := os.Remove(f.project); err != nil {
		t.Fatal(err)
	}
	if _, err := f.read(context.Background(), Options{}); !errors.Is(err, ErrProjectMissing) {
		t.Errorf("a removed working directory: %v", err)
	}
}

func TestHome(t *testing.T) {
	f := newFake(t)
	write(t, f.root, map[string]string{"etc/passwd": "root:x:0:0::/root:/bin/sh\nbroken\nann:x:4242:4243::/srv/ann:/bin/sh\n", "etc/group": "staff:x:4243:bob\n"})
	f.uid, f.gid = 4242, 4243
	for _, c := range []struct{ home, want string }{
		{"/nonexistent/ann/", "/nonexistent/ann"},
		{"", "/srv/ann"},
	} {
		f.env["HOME"] = c.home
		facts, err := f.caller()
		if err != nil || facts.Home != c.want || facts.User != "ann" || facts.Group != "staff" {
			t.Errorf("HOME=%q: %+v, %v", c.home, facts, err)
		}
	}
	for _, home := range []string{"/", "relative", "/a\xff"} {
		f.env["HOME"] = home
		if _, err := f.caller(); !errors.Is(err, ErrHome) {
			t.Errorf("HOME=%q: %v", home, err)
		}
	}
	f.env["HOME"], f.uid = "", 99999
	if _, err := f.caller(); !errors.Is(err, ErrHome) {
		t.Errorf("neither: %v", err)
	}
}

func TestNames(t *testing.T) {
	f := newFake(t)
	write(t, f.root, map[string]string{"etc/passwd": "root:x:0:0::/root:/bin/sh\nbob:x:7:7::/:/bin/sh\n"})
	f.uid, f.gid = 4242, 4242
	for user, want := range map[string]string{
		"": "user", "ann": "ann", `CORP\ann`: `CORP\ann`, "root": "user", "bob": "user", "a:b": "user", "a\nb": "user", "-a": "user",
	} {
		f.env["USER"] = user
		facts, err := f.caller()
		if err != nil || facts.User != want || facts.Group != "group" {
			t.Errorf("USER=%q: %q %q, %v", user, facts.User, facts.Group, err)
		}
	}
}

func TestOwnFolders(t *testing.T) {
	f := newFake(t)
	write(t, f.home, map[string]string{"real-state/": "", ".local/state": "->../real-state"})
	f.env["XDG_CONFIG_HOME"] = "relative"
	f.env["XDG_CACHE_HOME"] = "/var/cache/me/"
	facts, err := f.caller()
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(f.home, "real-state/jailed-claude"); facts.StateDir != want {
		t.Errorf("state %q, want %q", facts.StateDir, want)
	}
	has(t, "own", facts.OwnDirs, facts.StateDir, filepath.Join(f.home, ".config/jailed-claude"), "/var/cache/me/jailed-claude")
}

func TestPresent(t *testing.T) {
	f := newFake(t)
	write(t, f.home, map[string]string{"a/file": "", "link": "->a/file", "dangling": "->none"})
	facts := f.mustRead(Options{Grants: []string{"~/a", "~/a/file", "~/link", "~/dangling", "~/none", f.home + "/a/../a/"}})
	want := map[string]Kind{
		f.home + "/a":      {Dir: true, Real: f.home + "/a"},
		f.home + "/a/file": {Real: f.home + "/a/file"},
		f.home + "/link":   {Real: f.home + "/a/file"},
	}
	if len(facts.Present) != len(want) {
		t.Errorf("%v", facts.Present)
	}
	for path, kind := range want {
		if facts.Present[path] != kind {
			t.Errorf("%q: %v, want %v", path, facts.Present[path], kind)
		}
	}
	warned(t, facts, "dangling")
	for _, bad := range []string{"relative", "~user/x", "", "/a\x00b", "/a\xff"} {
		if _, err := f.read(context.Background(), Options{ProjectDir: f.project, Grants: []string{bad}}); err == nil {
			t.Errorf("grant %q was accepted", bad)
		}
	}
}
