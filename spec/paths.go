package spec

import "strings"

// below reports whether p is dir or lies in it, by components: "/app" is no
// parent of "/app_backup".
func below(p, dir string) bool {
	return p == dir || dir == "/" || len(p) > len(dir) && p[len(dir)] == '/' && p[:len(dir)] == dir
}

// comparePaths orders paths so that a folder comes before what it holds and
// siblings are in byte order: component by component.
func comparePaths(a, b string) int {
	return strings.Compare(strings.ReplaceAll(a, "/", "\x00"), strings.ReplaceAll(b, "/", "\x00"))
}
