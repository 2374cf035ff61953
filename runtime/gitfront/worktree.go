package gitfront

import (
	"os"
	"path/filepath"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/contract/brief"
)

// worktree refuses one that would be gone with the jail, and of which the
// repository would keep the name: the parent of a project is the jail's own, an
// empty folder.
func worktree(a *asker, args []string) *refusal {
	if len(args) == 0 || args[0] != "add" {
		return nil
	}
	l := read(args[1:], "bB", "reason", "orphan")
	if len(l.rest) == 0 {
		l.rest = l.paths
	}
	if len(l.rest) == 0 {
		return nil
	}
	if at := resolve(join(a.dir, l.rest[0])); a.lost(at) {
		return &refusal{
			Why: at + " is not on the host: it would be gone with the jail",
			Instead: []string{
				"instead: a folder of the project, such as " + filepath.Join(a.facts.Project, filepath.Base(at)),
				"or the user makes it on the host, and starts the jail with --write " + at,
			},
		}
	}
	start := l.at(1, "")
	if name := l.value("b", "B"); name != "" {
		return a.tracks(l, name, start)
	}
	if from := a.guessed(start); from != "" {
		return a.config("it would note what "+start+" tracks", "git worktree add --no-track -b "+start+" PATH "+from)
	}
	return nil
}

// resolve is a path without symlinks, as far as it is there.
func resolve(p string) string {
	p = filepath.Clean(p)
	for dir, rest := p, ""; ; {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(real, rest)
		}
		if dir == filepath.Dir(dir) {
			return p
		}
		dir, rest = filepath.Dir(dir), filepath.Join(filepath.Base(dir), rest)
	}
}

// lost: what is written there is gone with the jail, and nobody would think so. Of
// temporary folders everybody does.
func (a *asker) lost(p string) bool {
	in := brief.Mount{Path: "/", Mode: brief.Own}
	for _, m := range a.facts.Mounts {
		if paths.Below(p, m.Path) {
			in = m
		}
	}
	if in.Mode != brief.Own {
		return false
	}
	for _, dir := range []string{"/tmp", "/var/tmp", "/dev/shm", os.Getenv("TMPDIR")} {
		// A home that lies in one is none.
		if dir != "" && paths.Below(p, dir) && paths.Below(dir, in.Path) {
			return false
		}
	}
	return true
}
