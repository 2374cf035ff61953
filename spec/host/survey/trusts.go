package survey

import (
	"path"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/search"
)

// Trusts says why the host would execute or trust a path, by the built-in list
// and agents of the user's own alone: relative to a project, there or not, in whatever folder that a search
// does not pass over. It is empty if the host would not.
func Trusts(rel string, own []agent.Agent) (why string) {
	all := guardsWith(own)
	parts := strings.Split(rel, "/")
	for i, first := range parts {
		for _, list := range [][]guard{all.plain[first], all.globs} {
			for _, g := range list {
				if begins(parts[i:], g.Path) {
					return g.Why
				}
			}
		}
		if search.Skips(first) {
			break
		}
	}
	return ""
}

// begins: the names are those of a guard, and of what is in it.
func begins(names []string, guard string) bool {
	for want := range strings.SplitSeq(guard, "/") {
		if len(names) == 0 {
			return false
		}
		if ok, _ := path.Match(want, names[0]); !ok {
			return false
		}
		names = names[1:]
	}
	return true
}
