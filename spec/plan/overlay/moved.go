package overlay

import (
	"fmt"
	"path/filepath"

	"github.com/jailed-claude/jailed-claude/bundle/review/left"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/projects"
)

// Claimed says what became of the state of a project, a line each. Of one that was
// moved, what its jails left on the host is found at its new place from now on.
func Claimed(c projects.Claimed, project string) (notes []string) {
	notes = c.Notes()
	if c.Moved == "" {
		return notes
	}
	if err := left.Moved(filepath.Join(c.Dir, left.Folder), c.Moved, project); err != nil {
		notes = append(notes, fmt.Sprintf("what its jails left there for the host to execute or trust is not shown any more: %s", show.Visible(err.Error())))
	}
	return notes
}
