package survey

import (
	"path/filepath"
	"strings"
)

// InGit are those of the protected paths that git has, by their names in the
// project; a folder stands for what is in it.
func (p Project) InGit() (names []string) {
	wanted := map[string]bool{}
	for _, e := range p.Protect {
		wanted[e.Path] = true
	}
	for _, file := range inIndex(p.Dir, wanted) {
		names = append(names, strings.TrimPrefix(file, p.Dir+string(filepath.Separator)))
	}
	return names
}
