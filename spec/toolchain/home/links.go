package home

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/internal/show"
)

// linked are what of a project often leads out of it.
var linked = []string{".venv/bin/python", "venv/bin/python", "env/bin/python", ".venv", "venv", "node_modules", "node_modules/.pnpm", "vendor", "target", ".yarn/cache"}

// Leading says which links of the project lead to what the jail has not: each
// with its target, and what grants it.
func (h Host) Leading(inside func(p string) bool) (lines []string) {
	for _, name := range linked {
		at := path.Join(h.Project, name)
		if fi, err := os.Lstat(at); err != nil || fi.Mode()&os.ModeSymlink == 0 {
			continue
		}
		target, err := filepath.EvalSymlinks(at)
		if err != nil {
			text, err := os.Readlink(at)
			if err == nil {
				lines = append(lines, fmt.Sprintf("%s leads to %s, which does not exist, on the host neither", name, show.Visible(text)))
			}
			continue
		}
		if inside(target) {
			continue
		}
		grant := target
		if strings.HasSuffix(name, "/bin/python") {
			grant = path.Dir(path.Dir(target))
		}
		with := "--read " + show.ShellQuote(grant)
		if paths.Below(target, "/usr") {
			with = "--package host"
		}
		for _, k := range kits() {
			if root := h.root(k); root != "" && paths.Below(target, root) {
				with = "--toolchain " + k.Name
			}
		}
		lines = append(lines, fmt.Sprintf("%s leads to %s, which is not in the jail: %s", name, show.Visible(target), with))
	}
	return lines
}
