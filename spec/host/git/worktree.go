package git

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

// Linked returns an error unless g is the git directory of a worktree of common
// at dir. That g lies where git puts it is what ties the common directory to
// it: g's own word would not do.
func Linked(dir, g, common string) error {
	if filepath.Dir(g) != filepath.Join(common, "worktrees") {
		return fmt.Errorf("%q is no worktree of %q", g, common)
	}
	back, err := source.ReadText(filepath.Join(g, "gitdir"))
	if err != nil {
		return err
	}
	back = strings.TrimRight(back, "\r\n")
	if !filepath.IsAbs(back) {
		back = filepath.Join(g, back)
	}
	if source.Settle(filepath.Dir(back)) != dir || filepath.Base(back) != ".git" {
		return fmt.Errorf("that is the worktree of %q", back)
	}
	return nil
}

// Repository is the folder that a linked worktree (git worktree add) belongs
// to: the main worktree, or the git directory where there is none. It is dir
// itself for every other folder, and where the two do not name each other.
//
// Preconditions: dir is resolved.
func Repository(dir string) string {
	dotGit := filepath.Join(dir, ".git")
	if fi, err := os.Lstat(dotGit); err != nil || !fi.Mode().IsRegular() {
		return dir
	}
	g, err := DirOf(dotGit)
	if err != nil {
		return dir
	}
	common, err := CommonOf(g)
	if err != nil || common == g || !IsDir(common) || Linked(dir, g, common) != nil {
		return dir
	}
	if filepath.Base(common) == ".git" {
		return filepath.Dir(common)
	}
	return common
}
