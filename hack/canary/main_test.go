package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/agent"
)

// TestLooked: paths are found however a call names them, and no others.
func TestLooked(t *testing.T) {
	trace := `1 openat(AT_FDCWD</p/x>, "/p/x/a.json", O_RDONLY) = -1 ENOENT (No such file or directory)
2 newfstatat(7</p/x/.crush>, "plugins", {...}, 0) = 0
2 access("/p/x/b \"c\"", F_OK) = 0
2 openat(AT_FDCWD</p/x>, "../y", O_RDONLY) = 3
2 stat("/p/xy", {...}) = 0
2 stat("/p/x", {...}) = 0
2 execve("/usr/bin/git", ["git", "/p/x/argument"], 0x7ff) = 0
`
	found, err := looked(strings.NewReader(trace), "/p/x")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a.json", ".crush/plugins", `b "c"`} {
		if !found[want] {
			t.Errorf("%s is not found: %v", want, found)
		}
		delete(found, want)
	}
	delete(found, "argument") // of a program, which may read it
	if len(found) > 0 {
		t.Errorf("found too: %v", found)
	}
}

// TestTell: what the last version looks for and no row has fails, and is named.
func TestTell(t *testing.T) {
	dir := t.TempDir()
	trace := func(version string, names ...string) string {
		file := filepath.Join(dir, version+".trace")
		var b strings.Builder
		for _, n := range names {
			b.WriteString(`1 open("/p/` + n + "\", O_RDONLY) = 3\n")
		}
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	older, newer := trace("1.0", ".gemini/settings.json", ".gemini/gone", "AGENTS.md"), trace("2.0", ".gemini/settings.json", ".gemini/extensions/x", ".gemini/new.js", ".git/HEAD")
	var out strings.Builder
	err := run([]string{"tell", "gemini", "/p", older, newer}, &out)
	if err == nil || !strings.Contains(err.Error(), "gemini 2.0 looks for 1 paths") || !strings.Contains(out.String(), "NOT KNOWN  .gemini/new.js") || !strings.Contains(out.String(), "only 2.0") {
		t.Errorf("%v\n%s", err, out.String())
	}
	if strings.Contains(out.String(), "settings.json") {
		t.Errorf("what both look for and the row has is shown:\n%s", out.String())
	}
	if err := run([]string{"tell", "gemini", "/p", older}, &out); err == nil {
		t.Error("the older one looks for what is not known, and passes")
	}
	// One that looked for nothing, or for what everything looks for or is another's.
	for version, names := range map[string][]string{"3.0": nil, "3.1": {".git/HEAD", "README.md", ".codex/config.toml"}} {
		if err := run([]string{"tell", "gemini", "/p", trace(version, names...)}, &out); err == nil || !strings.Contains(err.Error(), "gemini "+version+" is not proven") {
			t.Errorf("%q: %v", names, err)
		}
	}
	if err := run([]string{"tell", "qwen", "/p", trace("4.0", ".qwen/settings.json", ".qwen/settings.json.tmp", ".qwen/worktrees/x", "logs/openai")}, &out); err != nil {
		t.Errorf("what is harmless: %v", err)
	}
}

// TestMake: the project has what the row names.
func TestMake(t *testing.T) {
	for _, a := range agent.All() {
		dir := t.TempDir()
		if err := run([]string{"make", a.Name, dir}, nil); err != nil {
			t.Fatal(err)
		}
		for _, f := range slices.Concat(projectFiles(a), a.Follows) {
			if _, err := os.Stat(filepath.Join(dir, f)); err != nil {
				t.Error(err)
			}
		}
	}
	if err := run([]string{"make", "nobody", t.TempDir()}, nil); err == nil {
		t.Error("a project of no agent")
	}
}
