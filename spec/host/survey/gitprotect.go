package survey

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/host/git"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

const (
	// gitDepth and maxGitDirs bound the search for submodules' git directories.
	gitDepth   = 8
	maxGitDirs = 1024
	// includeDepth bounds include.path, as git itself does at 10.
	includeDepth = 10
)

// repository protects what git executes in the repository at dir: the project
// itself or a nested one.
func (v *survey) repository(dir string) {
	dotGit := filepath.Join(dir, ".git")
	if !source.Exists(dotGit) {
		v.watch(dotGit, "makes the folder a git repository, with hooks and config")
		return
	}
	if fi, err := os.Lstat(dotGit); err == nil && fi.Mode().IsRegular() {
		v.protect(dotGit, "names the git directory")
	}
	v.link(dotGit)
	g, err := git.DirOf(dotGit)
	if err != nil || v.root(g) == "" {
		return
	}
	common, err := git.CommonOf(g)
	if err == nil && common != g && v.root(common) != "" {
		v.gitDir(common, dir, gitDepth)
	}
	if !v.worktree[g] {
		v.gitDir(g, dir, gitDepth)
	}
}

// gitDir protects a git directory. tree is the folder that its relative paths
// are meant from.
func (v *survey) gitDir(g, tree string, depth int) {
	if v.gitDirs[g] {
		return
	}
	v.gitDirs[g] = true
	for _, e := range []struct{ name, why string }{
		{"config", "git config"},
		{"config.worktree", "git config"},
		{"hooks", "git hooks"},
		{"commondir", "names the git directory"},
		{"info/attributes", "git attributes, which choose filters"},
	} {
		if path := filepath.Join(g, e.name); !v.protect(path, e.why) {
			v.watch(path, e.why)
		}
	}
	v.misleading(g)
	v.hooks(filepath.Join(g, "hooks"), tree)
	v.coverFile(filepath.Join(g, "fsmonitor--daemon.ipc"))
	for _, name := range []string{"config", "config.worktree"} {
		v.gitConfig(filepath.Join(g, name), tree, includeDepth)
	}
	if text, err := source.ReadText(filepath.Join(g, "objects/info/alternates")); err == nil && strings.TrimSpace(text) != "" {
		v.warn("%q borrows objects of another repository (objects/info/alternates), which the jail does not hold; git may miss them", g)
	}
	v.gitModules(filepath.Join(g, "modules"), depth)
	for _, name := range folders(filepath.Join(g, "worktrees")) {
		w := filepath.Join(g, "worktrees", name)
		v.worktree[w] = true
		v.change(filepath.Join(w, indexFile), indexWhy)
		v.protect(filepath.Join(w, "commondir"), "names the git directory")
		if !v.protect(filepath.Join(w, "config.worktree"), "git config") {
			v.watch(filepath.Join(w, "config.worktree"), "git config")
		}
	}
}

// gitModules protects the git directories of submodules, whose names may have
// slashes, so that they may lie at any depth of "modules".
func (v *survey) gitModules(dir string, depth int) {
	for _, name := range folders(dir) {
		m := filepath.Join(dir, name)
		if depth == 0 || len(v.gitDirs) >= maxGitDirs {
			v.warn("%q has too many submodules; some are not protected", dir)
			return
		}
		if !source.Exists(filepath.Join(m, "HEAD")) {
			v.gitModules(m, depth-1)
			continue
		}
		tree := git.WorktreeOf(m)
		if v.root(tree) == "" {
			tree = m
		}
		v.gitDir(m, tree, depth-1)
	}
}

// gitConfig protects the files of the project that a config file executes or
// includes. tree is the working tree that its programs run in.
func (v *survey) gitConfig(path, tree string, depth int) {
	text, err := source.ReadText(path)
	if err != nil {
		return
	}
	for _, s := range git.ParseConfig(text) {
		switch {
		case git.Includes(s.Key) && depth > 0:
			file, ok := v.named(filepath.Dir(path), s.Value)
			if !ok {
				continue
			}
			if v.protect(file, "included by git config") {
				v.gitConfig(file, tree, depth-1)
			} else {
				v.watch(file, "included by git config")
			}
		case git.Runs(s.Key):
			v.program(s, tree)
		}
	}
}

// program protects what a setting runs, if that is a file of the project.
func (v *survey) program(s git.Setting, tree string) {
	why := "git " + s.Key
	if git.Folder(s.Key) {
		if dir, ok := v.named(tree, s.Value); ok {
			if !v.protect(dir, why) {
				v.watch(dir, why)
			}
			v.hooks(dir, tree)
		}
		return
	}
	for _, word := range words(s.Value) {
		file, ok := v.named(tree, word)
		if !ok {
			continue
		}
		fi, err := os.Stat(file)
		switch {
		case err == nil && fi.Mode().IsRegular():
			v.protect(file, why)
		case err != nil && strings.Contains(word, "/"):
			v.watch(file, why) // git runs it as soon as it is there
		}
	}
}

// named returns the path that a file means from dir, if it is strictly below
// one of the roots; it need not exist.
func (v *survey) named(dir, path string) (string, bool) {
	if path == "" || strings.ContainsRune(path, 0) {
		return "", false
	}
	path = v.path(dir, path)
	root := v.root(path)
	return path, root != "" && path != root
}

// path is the one that a file means from dir.
func (v *survey) path(dir, path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		path = filepath.Join(v.o.Home, rest)
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	return filepath.Clean(path)
}

// words lists what may be paths in a command: its words with quotes taken away,
// with quotes as ends, and what stands between quotes. A word that is no path
// of the project is of no interest, so that more is better than less.
func words(command string) []string {
	const quotes, ends = "\"'`", " \t\n!;|&()<>="
	in := func(set string) func(rune) bool {
		return func(r rune) bool { return strings.ContainsRune(set, r) }
	}
	bare := strings.NewReplacer(`"`, "", "'", "").Replace(command)
	return slices.Concat(strings.FieldsFunc(bare, in(ends+"`")), strings.FieldsFunc(command, in(ends+quotes)), strings.FieldsFunc(command, in(quotes)))
}

// folders lists the real folders in dir.
func folders(dir string) (names []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}
