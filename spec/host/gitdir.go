package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// gitRoots finds the git folders of the project that lie outside it. A ".git"
// file is part of the project, so an agent or a stranger may have written it:
// what it names is granted only if that leads back here.
func (v *survey) gitRoots() {
	dir := v.p.Dir
	dotGit := filepath.Join(dir, ".git")
	g, err := gitDirOf(dotGit)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !exists(dotGit):
		v.surrounding()
		return
	case err != nil:
		v.warn("%q is not granted: %v", dotGit, err)
		return
	}
	var root string
	if under(g, dir) {
		// A repository of its own, whose objects and config may still be said
		// to lie elsewhere.
		root, err = commonOf(g)
		if err == nil && !under(root, dir) {
			err = fmt.Errorf("%q names %q outside the project as its common git directory", filepath.Join(g, "commondir"), root)
		}
		if err != nil {
			v.warn("the git directory of the project is incomplete in the jail: %v", err)
		}
		return
	}
	if root, err = v.verified(dotGit, g); err == nil {
		err = v.s.refuse(root, v.f)
	}
	if err == nil && under(dir, root) {
		err = fmt.Errorf("%q contains the project", root)
	}
	if err != nil {
		v.warn("git will not work in the jail: %q names %q, which is not granted: %v", dotGit, g, err)
		return
	}
	v.p.Git = []string{root}
}

// surrounding warns where the project is only a part of a repository.
func (v *survey) surrounding() {
	for d := filepath.Dir(v.p.Dir); !under(v.f.Home, d); d = filepath.Dir(d) {
		if exists(filepath.Join(d, ".git")) {
			v.warn("git will not work in the jail: the project is a folder of the repository %q, which lies outside it; name that as the project to have it", d)
			return
		}
		if d == "/" {
			return
		}
	}
}

// gitDirOf follows ".git": a folder, or a file that says "gitdir: PATH".
func gitDirOf(dotGit string) (string, error) {
	fi, err := os.Stat(dotGit)
	if err != nil {
		return "", err
	}
	if fi.IsDir() {
		return filepath.EvalSymlinks(dotGit)
	}
	text, err := readText(dotGit)
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

// commonOf returns the common git directory of g, which is g itself unless it
// is that of a worktree.
func commonOf(g string) (string, error) {
	text, err := readText(filepath.Join(g, "commondir"))
	if errors.Is(err, fs.ErrNotExist) {
		return g, nil
	}
	if err != nil {
		return "", err
	}
	return resolveFrom(g, strings.TrimRight(text, "\r\n"))
}

// verified returns the folder to grant for a git directory outside the
// project: the common one of a worktree, or g itself for a submodule. It is an
// error if that does not say itself that it belongs to dotGit.
func (v *survey) verified(dotGit, g string) (string, error) {
	common, err := commonOf(g)
	if err != nil {
		return "", err
	}
	if !isGitDir(common) {
		return "", fmt.Errorf("%q is not a git directory", common)
	}
	if common != g {
		// A worktree. That g lies where git puts it is what ties the common
		// directory to it: g's own word would not do.
		if filepath.Dir(g) != filepath.Join(common, "worktrees") {
			return "", fmt.Errorf("%q is no worktree of %q", g, common)
		}
		back, err := readText(filepath.Join(g, "gitdir"))
		if err != nil {
			return "", err
		}
		back = strings.TrimRight(back, "\r\n")
		if !filepath.IsAbs(back) {
			back = filepath.Join(g, back)
		}
		if settle(filepath.Dir(back)) != v.p.Dir || filepath.Base(back) != ".git" {
			return "", fmt.Errorf("that is the worktree of %q", back)
		}
		return common, nil
	}
	tree := worktreeOf(g)
	if tree == "" {
		return "", fmt.Errorf("its config does not name this folder as its core.worktree (git --git-dir=%q config core.worktree %q)", g, v.p.Dir)
	}
	if tree != v.p.Dir {
		return "", fmt.Errorf("its core.worktree is %q", tree)
	}
	return g, nil
}

// worktreeOf returns what core.worktree of a git directory leads to.
func worktreeOf(g string) string {
	tree := ""
	for _, name := range []string{"config", "config.worktree"} {
		text, err := readText(filepath.Join(g, name))
		if err != nil {
			continue
		}
		for _, s := range parseGitConfig(text) {
			if s.key == "core.worktree" {
				tree, _ = resolveFrom(g, s.value)
			}
		}
	}
	return tree
}

// isGitDir asks what git asks: HEAD, objects and refs.
func isGitDir(g string) bool {
	return exists(filepath.Join(g, "HEAD")) && isDir(filepath.Join(g, "objects")) && isDir(filepath.Join(g, "refs"))
}
