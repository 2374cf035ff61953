package git

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestWants: by what a repository has, in a linked worktree too.
func TestWants(t *testing.T) {
	const tracks, modules = "what topic/a tracks (git push -u)", "submodules (git submodule update --init)"
	for name, c := range map[string]struct {
		config, head, gitmodules string
		want                     []string
	}{
		"no remote":      {"[core]\n\tbare = false\n", "ref: refs/heads/topic/a\n", "", nil},
		"tracks nothing": {"[remote \"origin\"]\n\turl = /x\n", "ref: refs/heads/topic/a\n", "", []string{tracks}},
		"tracks":         {"[remote \"origin\"]\n\turl = /x\n[branch \"topic/a\"]\n\tremote = origin\n", "ref: refs/heads/topic/a\n", "", nil},
		"detached":       {"[remote \"origin\"]\n\turl = /x\n", "0123456789012345678901234567890123456789\n", "", nil},
		"a submodule":    {"[core]\n", "ref: refs/heads/topic/a\n", "[submodule \"lib\"]\n\tpath = lib\n\turl = ../lib\n", []string{modules}},
		"one that is":    {"[submodule \"lib\"]\n\turl = /lib\n", "ref: refs/heads/topic/a\n", "[submodule \"lib\"]\n\tpath = lib\n\turl = ../lib\n", nil},
	} {
		write := func(p, text string) {
			t.Helper()
			if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		main, linked := t.TempDir(), t.TempDir()
		write(filepath.Join(main, ".git/config"), c.config)
		write(filepath.Join(main, ".git/HEAD"), c.head)
		write(filepath.Join(main, ".git/worktrees/w/HEAD"), c.head)
		write(filepath.Join(main, ".git/worktrees/w/commondir"), "../..\n")
		write(filepath.Join(linked, ".git"), "gitdir: "+filepath.Join(main, ".git/worktrees/w")+"\n")
		for _, dir := range []string{main, linked} {
			if c.gitmodules != "" {
				write(filepath.Join(dir, ".gitmodules"), c.gitmodules)
			}
			if got := Wants(dir); !slices.Equal(got, c.want) {
				t.Errorf("%s: %q", name, got)
			}
		}
	}
	if got := Wants(t.TempDir()); got != nil {
		t.Errorf("no repository: %q", got)
	}
}
