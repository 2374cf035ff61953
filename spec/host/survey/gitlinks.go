package survey

import (
	"os"
	"path/filepath"

	"github.com/jailed-claude/jailed-claude/internal/gitindex"
	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/host/git"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

// maxIndex bounds an index that is read at a start: 150,000 files or so. Of a
// larger one the repositories that it leads to, and nothing else does, are named
// when the jail has ended.
const maxIndex = 16 << 20

// nested protects a repository that lies in the project, once.
func (v *survey) nested(dir string) {
	if v.repositories[dir] || dir == v.p.Dir {
		return
	}
	v.repositories[dir] = true
	v.p.Nested = append(v.p.Nested, dir)
	v.repository(dir)
	v.gitlinks(dir)
}

// bare protects a bare repository that lies in the project.
func (v *survey) bare(dir string) {
	if !v.repositories[dir] {
		v.repositories[dir] = true
		v.p.Nested = append(v.p.Nested, dir)
		v.gitDir(dir, dir, gitDepth)
		v.watch(filepath.Join(dir, ".git"), "makes the folder another git repository")
	}
}

// gitlinks protects the repositories to which the index of the one at dir leads,
// however deep and in whatever folders: "git status" enters them.
func (v *survey) gitlinks(dir string) {
	g, err := git.DirOf(filepath.Join(dir, ".git"))
	if err != nil || len(v.repositories) > maxGitDirs {
		return
	}
	file := filepath.Join(g, "index")
	if fi, err := os.Lstat(file); err != nil || !fi.Mode().IsRegular() || fi.Size() > maxIndex {
		return
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return
	}
	common, err := git.CommonOf(g)
	if err != nil {
		return
	}
	config, _ := source.ReadText(filepath.Join(common, "config"))
	size := gitindex.NameSize(config)
	links, err := gitindex.Parse(data, size, nil)
	if err != nil {
		return // it is named when the jail has ended
	}
	if links.Shared != "" {
		if data, err = os.ReadFile(filepath.Join(g, "sharedindex."+links.Shared)); err == nil {
			shared, _ := gitindex.Parse(data, size, nil)
			links.Paths = append(links.Paths, shared.Paths...)
		}
	}
	for _, rel := range links.Paths {
		sub := filepath.Join(dir, rel)
		// By no symlink: git enters none.
		if real, err := filepath.EvalSymlinks(sub); err == nil && real == sub && sub != dir && paths.Below(sub, dir) && source.Exists(filepath.Join(sub, ".git")) {
			v.nested(sub)
		}
	}
}
