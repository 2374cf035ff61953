package watch

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// TestGuard: what changed below what mounts alone protect, by whatever way, is
// told when a jail ends whose agent may make namespaces.
func TestGuard(t *testing.T) {
	for name, c := range map[string]struct {
		do      func() error
		plain   bool
		changed bool
	}{
		"nothing":               {do: func() error { return nil }},
		"another file":          {do: func() error { return write("README") }},
		"reading":               {do: func() error { _, err := os.ReadFile(".git/hooks/x"); return err }},
		"written":               {do: func() error { return write(".git/hooks/x") }, changed: true},
		"a new hook":            {do: func() error { return write(".git/hooks/y") }, changed: true},
		"removed":               {do: func() error { return os.Remove(".git/hooks/x") }, changed: true},
		"in a folder below":     {do: func() error { return write(".git/hooks/deep/z") }, changed: true},
		"executable":            {do: func() error { return os.Chmod(".git/hooks/x", 0o755) }, changed: true},
		"another one":           {do: func() error { return exchange("hooks", ".git/hooks") }, changed: true},
		"another folder above":  {do: func() error { return exchange("other", ".git") }, changed: true},
		"a symlink above":       {do: func() error { return symlinkedGit() }, changed: true},
		"another one, no nests": {do: func() error { return exchange("hooks", ".git/hooks") }, plain: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			for _, d := range []string{".git/hooks/deep", "hooks/deep", "other/hooks/deep"} {
				must(t, os.MkdirAll(d, 0o755))
			}
			for _, f := range []string{".git/hooks/x", "hooks/x", "other/hooks/x"} {
				must(t, write(f))
			}
			args := []string{contract.InitPath, "--nesting", "--", "true"}
			if c.plain {
				args = []string{contract.InitPath, "--", "true", "--nesting"}
			}
			bind := func(at string, options ...string) specs.Mount {
				return specs.Mount{Type: "bind", Source: at, Destination: at, Options: options}
			}
			s := &specs.Spec{
				Process: &specs.Process{Args: args},
				Mounts:  []specs.Mount{bind(dir, "rbind", "rw"), bind(filepath.Join(dir, ".git"), "rbind", "rw"), bind(filepath.Join(dir, ".git/hooks"), "rbind", "ro")},
			}
			var opened rootfs.Sources
			for _, m := range s.Mounts {
				fd, err := unix.Open(m.Source, unix.O_PATH|unix.O_CLOEXEC, 0)
				must(t, err)
				opened = append(opened, fd)
			}
			w, err := New(s, opened)
			must(t, err)
			opened.Close()
			t.Cleanup(w.Close)
			must(t, c.do())
			found := slices.ContainsFunc(w.findings(), func(f finding) bool { return f.path == filepath.Join(dir, ".git/hooks") })
			if found != c.changed {
				t.Errorf("reported: %v", found)
			}
		})
	}
}

// symlinkedGit leaves the files as they are, and leads to others of that name.
func symlinkedGit() error {
	if err := os.Rename(".git", "git"); err != nil {
		return err
	}
	return os.Symlink("other", ".git")
}
