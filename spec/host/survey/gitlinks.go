package survey

import (
	"maps"
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
	if len(v.repositories) > maxGitDirs {
		return
	}
	for _, rel := range index(dir, nil).Paths {
		sub := filepath.Join(dir, rel)
		// By no symlink: git enters none.
		if real, err := filepath.EvalSymlinks(sub); err == nil && real == sub && sub != dir && paths.Below(sub, dir) && source.Exists(filepath.Join(sub, ".git")) {
			v.nested(sub)
		}
	}
}

// index reads the index of the repository at dir; it is empty where there is
// none, or none that can be read: that is named when the jail has ended.
func index(dir string, every func(name string)) gitindex.Links {
	g, err := git.DirOf(filepath.Join(dir, ".git"))
	if err != nil {
		return gitindex.Links{}
	}
	common, err := git.CommonOf(g)
	if err != nil {
		return gitindex.Links{}
	}
	config, _ := source.ReadText(filepath.Join(common, "config"))
	size := gitindex.NameSize(config)
	read := func(name string) gitindex.Links {
		file := filepath.Join(g, name)
		if fi, err := os.Lstat(file); err != nil || !fi.Mode().IsRegular() || fi.Size() > maxIndex {
			return gitindex.Links{}
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return gitindex.Links{}
		}
		links, _ := gitindex.Parse(data, size, every)
		return links
	}
	links := read("index")
	if links.Shared != "" {
		links.Paths = append(links.Paths, read("sharedindex."+links.Shared).Paths...)
	}
	return links
}

// tracked warns of what is hidden and git has.
func (v *survey) tracked() {
	const most = 5
	if len(v.p.Hide) == 0 {
		return
	}
	hidden := map[string]bool{}
	for _, e := range v.p.Hide {
		hidden[e.Path] = true
	}
	var found []string
	for _, dir := range append([]string{v.p.Dir}, v.p.Nested...) {
		found = append(found, inIndex(dir, hidden)...)
	}
	found = found[:min(len(found), most)]
	for _, p := range found {
		v.warn("%q is hidden, and git tracks it: the history shows what it held, and git in the jail takes it for changed and cannot commit it; git rm --cached ends that, for what is to come", p)
	}
}

// inIndex are those paths, files and folders, that git has in its index of the
// repository at dir, each once.
func inIndex(dir string, wanted map[string]bool) (found []string) {
	left := maps.Clone(wanted)
	index(dir, func(name string) {
		for p := filepath.Join(dir, name); p != dir; p = filepath.Dir(p) {
			if left[p] {
				delete(left, p)
				found = append(found, p)
			}
		}
	})
	return found
}

// Tracked are the files that git has in its index of the repository at dir, and
// the folders that they are in: what a clone has, once it is committed.
func Tracked(dir string) map[string]bool {
	all := map[string]bool{}
	index(dir, func(name string) {
		for p := filepath.Join(dir, name); p != dir && !all[p]; p = filepath.Dir(p) {
			all[p] = true
		}
	})
	return all
}
