package world

import (
	"path/filepath"

	"github.com/jailed-claude/jailed-claude/spec/projects"
)

// State is what jailed-claude keeps for the jails of the project alone.
func (w *World) State() string { return w.StateOf(w.Project) }

// StateOf is the same for another project of this caller.
func (w *World) StateOf(project string) string {
	return projects.Dir(filepath.Join(w.Home, ".local/state/jailed-claude"), project)
}

// Private is a file of the agent's private configuration.
func (w *World) Private(name string) string { return filepath.Join(w.State(), "claude", name) }
