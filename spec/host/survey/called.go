package survey

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/host/source"
	"github.com/jailed-claude/jailed-claude/spec/host/survey/known"
)

const (
	indexFile  = "index"
	replaceWhy = "changes the objects that git shows"
	indexWhy   = "git is told to overlook changes of it (assume-unchanged or skip-worktree)"
	// maxHooks bounds the files of one folder of hooks that are read.
	maxHooks = 64
)

// misleading has what makes git show something else than there is reported, if
// it changes: the agent needs some of it for its work.
func (v *survey) misleading(g string) {
	v.change(filepath.Join(g, indexFile), indexWhy)
	for name, why := range map[string]string{
		"info/exclude": "hides new files from git status",
		"info/grafts":  "changes the history that git shows",
		"shallow":      "cuts the history that git shows",
		"refs/replace": replaceWhy,
		// Of these the lines that begin so: the agent's git packs others.
		"packed-refs": replaceWhy,
	} {
		v.change(filepath.Join(g, name), why)
	}
}

// hooks has the scripts of the project that the hooks in a folder run reported,
// if they change. The hooks themselves are protected.
func (v *survey) hooks(dir, tree string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for i, e := range entries {
		if i == maxHooks {
			return
		}
		if !e.IsDir() && !strings.HasSuffix(e.Name(), ".sample") {
			v.called(filepath.Join(dir, e.Name()), tree)
		}
	}
}

// called has the files reported, if they change, that a script or a list of
// hooks runs: words that name a file of the project which is executable or a
// shell script, or which an interpreter is given.
func (v *survey) called(script, tree string) {
	text, err := source.ReadText(script)
	if err != nil {
		return
	}
	why := "run by " + filepath.Base(script)
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		interpreted := false
		for _, word := range words(line) {
			for _, root := range known.Roots {
				word = strings.TrimPrefix(word, root)
			}
			path, ok := v.named(tree, word)
			if fi, err := os.Stat(path); ok && err == nil && fi.Mode().IsRegular() && (interpreted || fi.Mode()&0o111 != 0 || strings.HasSuffix(path, ".sh")) {
				v.change(path, why)
			}
			interpreted = slices.Contains(interpreters, filepath.Base(word))
		}
	}
}

// interpreters run the file that follows them.
var interpreters = []string{
	"sh", "bash", "dash", "zsh", "fish", "source", ".", "node", "deno", "bun", "tsx", "ts-node", "python", "python3", "ruby", "perl", "php", "lua", "run",
}
