package survey

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/host/git"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

// gitRoots finds the git folders of the project that lie outside it. A ".git"
// file is part of the project, so an agent or a stranger may have written it:
// what it names is granted only if that leads back here.
func (v *survey) gitRoots() {
	dir := v.p.Dir
	dotGit := filepath.Join(dir, ".git")
	g, err := git.DirOf(dotGit)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !source.Exists(dotGit):
		v.surrounding()
		return
	case err != nil:
		v.warn("%q is not granted: %v", dotGit, err)
		return
	}
	var root string
	if paths.Below(g, dir) {
		// A repository of its own, whose objects and config may still be said
		// to lie elsewhere.
		root, err = git.CommonOf(g)
		if err == nil && !paths.Below(root, dir) {
			err = fmt.Errorf("%q names %q outside the project as its common git directory", filepath.Join(g, "commondir"), root)
		}
		if err != nil {
			v.warn("the git directory of the project is incomplete in the jail: %v", err)
		}
		return
	}
	if root, err = v.verified(g); err == nil {
		err = v.o.Refuse(root)
	}
	if err == nil && paths.Below(dir, root) {
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
	for d := filepath.Dir(v.p.Dir); !paths.Below(v.o.Home, d); d = filepath.Dir(d) {
		if source.Exists(filepath.Join(d, ".git")) {
			v.warn("git will not work in the jail: the project is a folder of the repository %q, which lies outside it; name that as the project to have it", d)
			return
		}
		if d == "/" {
			return
		}
	}
}

// verified returns the folder to grant for a git directory outside the
// project: the common one of a worktree, or g itself for a submodule. It is an
// error if that does not say itself that it belongs to the project.
func (v *survey) verified(g string) (string, error) {
	common, err := git.CommonOf(g)
	if err != nil {
		return "", err
	}
	if !git.IsDir(common) {
		return "", fmt.Errorf("%q is not a git directory", common)
	}
	if common != g {
		return common, git.Linked(v.p.Dir, g, common)
	}
	tree := git.WorktreeOf(g)
	if tree == "" {
		return "", fmt.Errorf("its config does not name this folder as its core.worktree (git --git-dir=%q config core.worktree %q)", g, v.p.Dir)
	}
	if tree != v.p.Dir {
		return "", fmt.Errorf("its core.worktree is %q", tree)
	}
	return g, nil
}
