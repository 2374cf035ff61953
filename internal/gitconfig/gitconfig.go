// Package gitconfig judges git's configuration files without git.
//
// What does not belong here: reading what a configuration means (spec/host/git).
package gitconfig

import (
	"slices"
	"strings"
)

// Tame tells whether a config holds nothing but what "git clone" writes: no program,
// no other file.
func Tame(config string) bool {
	section := ""
	for line := range strings.Lines(config) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if line[0] == '[' {
			name, of, _ := strings.Cut(strings.TrimSuffix(line[1:], "]"), " ")
			section = strings.ToLower(name)
			// Anything else on the line is no name of a section, nor what it is of.
			if strings.ContainsAny(name+of, "[]=") || strings.Contains(of, `\`) || of != "" && (len(of) < 2 || strings.Count(of, `"`) != 2 || of[0] != '"' || of[len(of)-1] != '"') {
				return false
			}
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		key, value = strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value)
		if !slices.Contains(plain[section], key) || strings.HasSuffix(value, `\`) || strings.Contains(value, "ext::") {
			return false
		}
	}
	return true
}

// plain are keys by section.
var plain = map[string][]string{
	"core":   {"repositoryformatversion", "filemode", "bare", "logallrefupdates", "ignorecase", "precomposeunicode", "symlinks"},
	"remote": {"url", "fetch", "tagopt", "promisor", "partialclonefilter"},
	"branch": {"remote", "merge", "rebase"}, "user": {"name", "email"}, "extensions": {"objectformat", "partialclone"}, "submodule": {"url", "active"},
}
