package git

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

// DirOf follows ".git": a folder, or a file that says "gitdir: PATH".
func DirOf(dotGit string) (string, error) {
	fi, err := os.Stat(dotGit)
	if err != nil {
		return "", err
	}
	if fi.IsDir() {
		return filepath.EvalSymlinks(dotGit)
	}
	text, err := source.ReadText(dotGit)
	if err != nil {
		return "", err
	}
	path, ok := strings.CutPrefix(text, "gitdir: ")
	if !ok {
		return "", fmt.Errorf("%q is not a gitdir file", dotGit)
	}
	return resolveFrom(filepath.Dir(dotGit), strings.TrimRight(path, "\r\n"))
}

// resolveFrom resolves a path that a file in dir names.
func resolveFrom(dir, path string) (string, error) {
	if path == "" || strings.ContainsRune(path, 0) {
		return "", fmt.Errorf("%q names no path", dir)
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	return filepath.EvalSymlinks(path)
}

// CommonOf returns the common git directory of g, which is g itself unless it
// is that of a worktree.
func CommonOf(g string) (string, error) {
	text, err := source.ReadText(filepath.Join(g, "commondir"))
	if errors.Is(err, fs.ErrNotExist) {
		return g, nil
	}
	if err != nil {
		return "", err
	}
	return resolveFrom(g, strings.TrimRight(text, "\r\n"))
}

// WorktreeOf returns what core.worktree of a git directory leads to.
func WorktreeOf(g string) string {
	tree := ""
	for _, name := range []string{"config", "config.worktree"} {
		text, err := source.ReadText(filepath.Join(g, name))
		if err != nil {
			continue
		}
		for _, s := range ParseConfig(text) {
			if s.Key == "core.worktree" {
				tree, _ = resolveFrom(g, s.Value)
			}
		}
	}
	return tree
}

// IsDir asks what git asks: HEAD, objects and refs.
func IsDir(g string) bool {
	return source.Exists(filepath.Join(g, "HEAD")) && source.IsDir(filepath.Join(g, "objects")) && source.IsDir(filepath.Join(g, "refs"))
}
