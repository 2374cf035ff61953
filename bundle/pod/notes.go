package pod

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/show"
)

// note is something of config.json that the Pod does not have, or has from
// somebody who may not keep it.
type note struct {
	// Field of config.json, or of the Pod, by its path.
	Field string `json:"field"`
	// Text says what becomes of it.
	Text string `json:"text"`
}

func (n note) String() string { return n.Field + ": " + n.Text }

// notesAnnotation names the annotation of a Pod in a cluster that has its notes, a
// line each.
const notesAnnotation = "io.github.jailed-claude.not-carried"

// fieldNetwork is where config.json has the network.
const fieldNetwork = "annotations.network"

// note adds what is not carried; each once.
func (e *export) note(field, format string, args ...any) {
	n := note{field, show.Visible(fmt.Sprintf(format, args...))}
	if !slices.Contains(e.notes, n) {
		e.notes = append(e.notes, n)
	}
}

// annotation is all that is not carried.
func annotation(notes []note) string {
	var lines []string
	for _, n := range notes {
		lines = append(lines, n.String())
	}
	return strings.Join(lines, "\n")
}

// dropped are the promises that a plain Pod cannot keep, whatever is in
// config.json. docs/cluster.md has them as a table.
func (e *export) dropped() {
	a := e.in.Jail.Spec.Annotations
	for _, w := range []struct{ name, why string }{
		{"watch", "what the agent makes that the host would execute or trust is not reported"},
		{"names", "what appears in subfolders is not reported"},
		{"links", "symlinks that are replaced are not reported"},
		{"repositories", "new git repositories are not reported"},
		{"changes", "changes that mislead git are not reported"},
		{"terminal", "what the agent prints reaches your terminal as it is: kubectl filters nothing"},
	} {
		if _, ok := a[prefix+w.name]; ok {
			e.note("annotations."+w.name, "%s", w.why)
		}
	}
}
