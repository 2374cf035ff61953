package agent

import (
	"path"
	"slices"
	"strings"
	"sync"
)

// Followed reports whether some agent takes the text of a project's path for
// instructions. What has no folder in a row counts in every folder: agents look for
// AGENTS.md where they work.
func Followed(name string) bool {
	name = strings.ToLower(name)
	for _, a := range rows() {
		for _, f := range a.Follows {
			f = strings.ToLower(f)
			if name == f || strings.HasPrefix(name, f+"/") || !strings.Contains(f, "/") && path.Base(name) == f {
				return true
			}
		}
	}
	return false
}

// Instructions are the paths of a project with texts that some agent follows, each
// once.
func Instructions() []string { return instructions() }

var instructions = sync.OnceValue(func() (paths []string) {
	for _, a := range rows() {
		for _, f := range a.Follows {
			if ext := path.Ext(f); ext != ".json" && ext != ".lock" {
				paths = append(paths, f)
			}
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
})
