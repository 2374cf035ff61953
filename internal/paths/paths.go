// Package paths compares clean, absolute paths by their components, without
// looking at a disk.
//
// What does not belong here: file systems, symlinks, "~".
package paths

import "strings"

// Below reports whether p is dir or lies in it, by components: "/app" is no
// parent of "/app_backup".
func Below(p, dir string) bool {
	return p == dir || dir == "/" || len(p) > len(dir) && p[len(dir)] == '/' && p[:len(dir)] == dir
}

// Compare orders paths so that a folder comes before what it holds and siblings
// are in byte order: component by component.
func Compare(a, b string) int {
	return strings.Compare(strings.ReplaceAll(a, "/", "\x00"), strings.ReplaceAll(b, "/", "\x00"))
}
