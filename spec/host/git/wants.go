package git

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

// Wants says what git will want to write into the configuration of the repository in
// dir, in the ordinary course of work: what a new branch tracks, where there is a
// remote, and submodules that are not there yet. Nothing where that is not known.
func Wants(dir string) (wants []string) {
	g, err := DirOf(filepath.Join(dir, ".git"))
	if err != nil {
		return nil
	}
	common, err := CommonOf(g)
	if err != nil {
		return nil
	}
	text, err := source.ReadText(filepath.Join(common, "config"))
	if err != nil {
		return nil
	}
	config := ParseConfig(text)
	has := func(key string) bool {
		return slices.ContainsFunc(config, func(s Setting) bool { return s.Key == key })
	}
	remote := slices.ContainsFunc(config, func(s Setting) bool {
		return strings.HasPrefix(s.Key, "remote.") && strings.HasSuffix(s.Key, ".url")
	})
	head, _ := source.ReadText(filepath.Join(g, "HEAD"))
	if branch, ok := strings.CutPrefix(strings.TrimSpace(head), "ref: refs/heads/"); ok && remote && !has("branch."+branch+".remote") {
		wants = append(wants, "what "+branch+" tracks (git push -u)")
	}
	modules, _ := source.ReadText(filepath.Join(dir, ".gitmodules"))
	for _, s := range ParseConfig(modules) {
		name, ok := strings.CutSuffix(s.Key, ".path")
		if ok && strings.HasPrefix(name, "submodule.") && !has(name+".url") && !has(name+".active") {
			wants = append(wants, "submodules (git submodule update --init)")
			break
		}
	}
	return wants
}
