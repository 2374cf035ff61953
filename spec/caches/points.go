package caches

import (
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Points are what has to be in the folder of a project's caches: Folders, and
// what is mounted below them. Nothing else makes it there, for it is a folder of
// the host.
func Points(home string, mounts []specs.Mount, isDir func(string) bool) (folders, files []string) {
	folders = Folders()
	for _, m := range mounts {
		rel, inside := strings.CutPrefix(m.Destination, home+"/")
		for _, f := range Folders() {
			switch {
			case !inside || !strings.HasPrefix(rel, f+"/"):
			case m.Type != "bind" || isDir(m.Source):
				folders = append(folders, rel)
			default:
				files = append(files, rel)
			}
		}
	}
	return folders, files
}
