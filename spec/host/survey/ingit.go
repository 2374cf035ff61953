package survey

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/host/git"
)

// InGit are those of the protected paths that git has, by their names in the
// project; a folder stands for what is in it. Names are looked for in the index as
// they stand there, which is fast in a large one, and misses those that an index of
// version 4 shortens.
func (p Project) InGit() (names []string) {
	g, err := git.DirOf(filepath.Join(p.Dir, ".git"))
	if err != nil {
		return nil
	}
	file := filepath.Join(g, "index")
	if fi, err := os.Lstat(file); err != nil || !fi.Mode().IsRegular() || fi.Size() > maxIndex {
		return nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	for _, e := range p.Protect {
		rel, err := filepath.Rel(p.Dir, e.Path)
		if err != nil || strings.HasPrefix(rel, "../") || rel == ".git" || strings.HasPrefix(rel, ".git/") {
			continue
		}
		end := "\x00"
		if e.Dir {
			end = "/"
		}
		if bytes.Contains(data, []byte(rel+end)) {
			names = append(names, rel)
		}
	}
	return names
}
