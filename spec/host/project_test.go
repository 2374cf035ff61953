package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

func TestProjectRefused(t *testing.T) {
	f := newFake(t)
	own := filepath.Join(f.Home, ".config/jailed-claude")
	write(t, f.Home, map[string]string{
		"file": "", "home-link": "->.", ".ssh/": "", ".claude/skills/x/": "",
		".config/jailed-claude/inner/": "", ".local/state/jailed-claude/": "", ".config-other/": "",
		"bad\xffname/": "", "state-link": "->.local/state/jailed-claude",
	})
	locked := filepath.Join(f.Home, "locked")
	if err := os.Mkdir(locked, 0); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		dir  string
		want error
	}{
		{"/", errProjectWide},
		{"//", errProjectWide},
		{f.Home, errProjectWide},
		{f.Home + "/", errProjectWide},
		{filepath.Dir(f.Home), errProjectWide},
		{filepath.Join(f.Home, "home-link"), errProjectWide},
		{filepath.Join(f.Home, "src/.."), errProjectWide},
		{"/proc/self/root", errProjectWide},
		{own, errProjectOwn},
		{filepath.Join(own, "inner"), errProjectOwn},
		{filepath.Dir(own), errProjectOwn},
		{filepath.Join(f.Home, ".local"), errProjectOwn},
		{filepath.Join(f.Home, "state-link"), errProjectOwn},
		{filepath.Join(f.Home, ".ssh"), errProjectSystem},
		{filepath.Join(f.Home, ".claude/skills/x"), errProjectSystem},
		{"/etc", errProjectSystem},
		{"/etc/ssl", errProjectSystem},
		{"/proc", errProjectSystem},
		{"/proc/self/fd", errProjectSystem},
		{"/sys", errProjectSystem},
		{"/dev", errProjectSystem},
		{"/usr", errProjectSystem},
		{"/usr/bin", errProjectSystem},
		{"/bin", errProjectSystem},
		{"/var", errProjectSystem},
		{filepath.Join(f.Home, "missing"), errProjectMissing},
		{filepath.Join(f.Home, "file"), errProjectNotDir},
		{filepath.Join(f.Home, "file/x"), errProjectNotDir},
		{filepath.Join(f.Home, "bad\xffname"), errProjectName},
	} {
		if paths.Below(f.Home, c.dir) && errors.Is(c.want, errProjectSystem) {
			// The test's own home lies below it (TMPDIR=/var/tmp).
			c.want = errProjectWide
		}
		_, err := (reader{f.Source}).read(context.Background(), Options{ProjectDir: c.dir})
		var pe *ProjectError
		if !errors.Is(err, c.want) || !errors.As(err, &pe) || pe.Detail == "" || pe.Hint == "" {
			t.Errorf("%q: %v, want %v", c.dir, err, c.want)
		}
	}
	if os.Geteuid() != 0 {
		for _, dir := range []string{locked, filepath.Join(locked, "x")} {
			if _, err := (reader{f.Source}).read(context.Background(), Options{ProjectDir: dir}); !errors.Is(err, errProjectUnreadable) {
				t.Errorf("%q: %v, want ErrProjectUnreadable", dir, err)
			}
		}
	}
	// By component: a name that only begins like one of ours.
	f.mustRead(Options{ProjectDir: filepath.Join(f.Home, ".config-other")})
	if facts := f.mustRead(Options{}); facts.Project.Dir != f.Project {
		t.Errorf("project %q", facts.Project.Dir)
	}
}

func TestProjectIsWorkingDirectory(t *testing.T) {
	f := newFake(t)
	write(t, f.Home, map[string]string{"link": "->src/project"})
	t.Chdir(filepath.Join(f.Home, "link"))
	facts, err := (reader{f.Source}).read(context.Background(), Options{})
	if err != nil || facts.Project.Dir != f.Project {
		t.Errorf("%v, %v", facts, err)
	}
	if err := os.Remove(f.Project); err != nil {
		t.Fatal(err)
	}
	if _, err := (reader{f.Source}).read(context.Background(), Options{}); !errors.Is(err, errProjectMissing) {
		t.Errorf("a removed working directory: %v", err)
	}
}

func TestHome(t *testing.T) {
	f := newFake(t)
	write(t, f.Root, map[string]string{"etc/passwd": "root:x:0:0::/root:/bin/sh\nbroken\nann:x:4242:4243::/srv/ann:/bin/sh\n", "etc/group": "staff:x:4243:bob\n"})
	f.UID, f.GID = 4242, 4243
	for _, c := range []struct{ home, want string }{
		{"/nonexistent/ann/", "/nonexistent/ann"},
		{"", "/srv/ann"},
	} {
		f.Env["HOME"] = c.home
		facts, err := (reader{f.Source}).caller()
		if err != nil || facts.Home != c.want || facts.User != "ann" || facts.Group != "staff" {
			t.Errorf("HOME=%q: %+v, %v", c.home, facts, err)
		}
	}
	for _, home := range []string{"/", "relative", "/a\xff"} {
		f.Env["HOME"] = home
		if _, err := (reader{f.Source}).caller(); !errors.Is(err, errHome) {
			t.Errorf("HOME=%q: %v", home, err)
		}
	}
	f.Env["HOME"], f.UID = "", 99999
	if _, err := (reader{f.Source}).caller(); !errors.Is(err, errHome) {
		t.Errorf("neither: %v", err)
	}
}

func TestNames(t *testing.T) {
	f := newFake(t)
	write(t, f.Root, map[string]string{"etc/passwd": "root:x:0:0::/root:/bin/sh\nbob:x:7:7::/:/bin/sh\n"})
	f.UID, f.GID = 4242, 4242
	for user, want := range map[string]string{
		"": "user", "ann": "ann", `CORP\ann`: `CORP\ann`, "root": "user", "bob": "user", "a:b": "user", "a\nb": "user", "-a": "user",
	} {
		f.Env["USER"] = user
		facts, err := (reader{f.Source}).caller()
		if err != nil || facts.User != want || facts.Group != "group" {
			t.Errorf("USER=%q: %q %q, %v", user, facts.User, facts.Group, err)
		}
	}
}

func TestOwnFolders(t *testing.T) {
	f := newFake(t)
	write(t, f.Home, map[string]string{"real-state/": "", ".local/state": "->../real-state"})
	f.Env["XDG_CONFIG_HOME"] = "relative"
	f.Env["XDG_CACHE_HOME"] = "/var/cache/me/"
	facts, err := (reader{f.Source}).caller()
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(f.Home, "real-state/jailed-claude"); facts.StateDir != want {
		t.Errorf("state %q, want %q", facts.StateDir, want)
	}
	has(t, "own", facts.OwnDirs, facts.StateDir, filepath.Join(f.Home, ".config/jailed-claude"), "/var/cache/me/jailed-claude")
}

func TestPresent(t *testing.T) {
	f := newFake(t)
	write(t, f.Home, map[string]string{"a/file": "", "link": "->a/file", "dangling": "->none"})
	facts := f.mustRead(Options{Grants: []string{"~/a", "~/a/file", "~/link", "~/dangling", "~/none", f.Home + "/a/../a/"}})
	want := map[string]Kind{
		f.Home + "/a":      {Dir: true, Real: f.Home + "/a"},
		f.Home + "/a/file": {Real: f.Home + "/a/file"},
		f.Home + "/link":   {Real: f.Home + "/a/file"},
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
		if _, err := (reader{f.Source}).read(context.Background(), Options{ProjectDir: f.Project, Grants: []string{bad}}); err == nil {
			t.Errorf("grant %q was accepted", bad)
		}
	}
}

// TestFurtherFolders: a folder that the jail may write beside the project is
// looked at in the same way, but for patterns and for git folders elsewhere.
func TestFurtherFolders(t *testing.T) {
	f := newFake(t)
	write(t, f.Home, map[string]string{
		"w/.envrc": "", "w/deep/.vscode/tasks.json": "", "w/r/.git/HEAD": "ref: x", "w/r/.git/objects/": "", "w/r/.git/refs/": "", "w/r/.git/config": "", "w/secret": "",
		"elsewhere/HEAD": "ref: x", "elsewhere/objects/": "", "elsewhere/refs/": "", "w/.git": "gitdir: ../elsewhere\n", "r/.envrc": "", "file": "", "l": "->w",
	})
	facts := f.mustRead(Options{Hide: []string{"secret"}, Grants: []string{"~/w", "~/r", "~/file", "~/l", "~/none"}, Write: []string{"~/w", "~/w/", "~/file", "~/l", "~/none"}})
	if len(facts.Further) != 1 {
		t.Fatalf("%+v", facts.Further)
	}
	p := facts.Further[0]
	equal(t, "protect", names(p.Protect, f.Home+"/w"), []string{".envrc", ".git", "deep/.vscode", "r/.git/config"})
	equal(t, "pin", rels(p.Pin, f.Home+"/w"), []string{"deep", "r", "r/.git"})
	equal(t, "nested", rels(p.Nested, f.Home+"/w"), []string{"r"})
	has(t, "watch", names(p.Watch, f.Home+"/w"), ".mcp.json", "r/.git/hooks")
	if p.Dir != f.Home+"/w" || len(p.Git)+len(p.Hide) > 0 {
		t.Errorf("%+v", p)
	}
}

// TestFolderThatIsGone: a shell may stand in a folder that somebody has removed.
func TestFolderThatIsGone(t *testing.T) {
	gone := t.TempDir() + "/gone"
	if err := os.Mkdir(gone, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(gone)
	t.Setenv("PWD", gone)
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", ".", "..", "sub"} {
		_, err := FindProject(source.This(), dir, &Facts{Home: "/nowhere"})
		var e *ProjectError
		if !errors.As(err, &e) || !errors.Is(err, errProjectMissing) || e.Hint == "" {
			t.Errorf("%q: %v", dir, err)
		}
	}
}
