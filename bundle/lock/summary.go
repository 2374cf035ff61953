package lock

import (
	"fmt"

	"github.com/jailed-claude/jailed-claude/internal/show"
)

// Summary says what a lock picks, a line each, indented.
func (l *Lock) Summary() []string {
	const most = 50
	var lines []string
	if l.Agent.Program != "" {
		lines = append(lines, "  agent    "+show.Visible(l.Agent.Program))
	}
	for _, p := range l.Packages {
		for _, path := range p.Paths {
			lines = append(lines, "  package  "+path+" for "+show.Visible(p.Package))
		}
	}
	if n := len(lines) - most; n > 0 {
		lines = append(lines[:most], fmt.Sprintf("  … and %d more", n))
	}
	return append(lines, fmt.Sprintf("  closure  %d store paths", len(l.Paths)))
}
