package caches

import (
	"path"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Points are what has to be in the folder of a project's caches: Folders, and
// what is mounted below them. Nothing else makes it there, for it is a folder of
// the host.
func Points(home string, mounts []specs.Mount, isDir func(string) bool) (folders, files []string) {
	folders = Folders()
	for _, f := range Folders() {
		more, single := Below(home, f, mounts, isDir)
		folders, files = append(folders, more...), append(files, single...)
	}
	return folders, files
}

// Below are the destinations of mounts below a folder of a jail, relative to the
// base that holds it.
func Below(base, folder string, mounts []specs.Mount, isDir func(string) bool) (folders, files []string) {
	for _, m := range mounts {
		if !strings.HasPrefix(m.Destination, path.Join(base, folder)+"/") {
			continue
		}
		rel := strings.TrimPrefix(m.Destination, base+"/")
		if m.Type != "bind" || isDir(m.Source) {
			folders = append(folders, rel)
		} else {
			files = append(files, rel)
		}
	}
	return folders, files
}
