// Package kept is what outlives the jails of a project, for those who look after
// it: where it is, and how it goes. It asks before anything is removed or
// replaced.
//
// What does not belong here: what is in a configuration (package claude), and
// preparing any of it for a jail (package plan).
package kept

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/claude"
	"github.com/jailed-claude/jailed-claude/spec/claude/folder"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/host/git"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
	"github.com/jailed-claude/jailed-claude/spec/plan"
	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/projects"
	"github.com/jailed-claude/jailed-claude/spec/seed"
)

// State is where things are that outlive the jails of a project.
type State struct {
	// All is jailed-claude's own state.
	All string
	// Project is the part of it for the jails of this project.
	Project string
	// Host is the configuration of the host's own Claude.
	Host folder.Host
	// Agent is whose configuration is meant, Home the user's.
	Agent agent.Agent
	Home  string
}

// For is about the project in a folder; empty is the working directory. name is that
// of an agent; empty is the one of the user's policy.
func For(project, name string) (State, error) {
	k := State{All: host.StateDir()}
	home, err := os.UserHomeDir()
	if err != nil {
		return k, err
	}
	if real, err := filepath.EvalSymlinks(home); err == nil {
		home = real
	}
	k.Host = folder.Find(map[string]string{"CLAUDE_CONFIG_DIR": os.Getenv("CLAUDE_CONFIG_DIR")}, home)
	user, err := plan.UserLayers()
	if err != nil {
		return k, err
	}
	if name != "" {
		user = append(user, &policy.Layer{Name: "--agent", Agent: policy.AgentLayer{Name: &name}})
	}
	p, err := policy.Merge(user...)
	if err != nil {
		return k, err
	}
	k.Agent, k.Home = p.Agent.Row(), home
	owner := (&plan.Options{Project: project}).Dir()
	if !p.Agent.SeparateWorktrees {
		owner = git.Repository(owner)
	}
	k.Project = projects.Dir(k.All, owner)
	return k, nil
}

// Other tells whether the agent is not Claude Code.
func (k State) Other() bool { return k.Agent.Name != agent.Default().Name }

// Dirs are the folders of the agent's configuration.
func (k State) Dirs() []string { return k.Agent.Kept(k.Project) }

// Changes are what a jail changed in the configuration of another agent.
func (k State) Changes() ([]*claude.Piece, error) {
	return seed.Of{Agent: k.Agent, Env: source.Environ(), Home: k.Home, State: k.Project}.Changes()
}

// Reset removes the agent's configuration: the next run is a first run.
func (k State) Reset() error {
	if !k.Other() {
		return claude.Reset(k.Project)
	}
	root, err := os.OpenRoot(k.Project)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	name := k.Agent.Name
	if k.Agent.Own {
		name = filepath.Join(agent.OwnFolder, name)
	}
	return root.RemoveAll(name)
}

// Agree asks the user a question; an error means no.
type Agree func(question string) error

// Import replaces the configuration of the project by a copy of the one that
// all projects shared in earlier versions.
func (k State) Import(agree Agree) error {
	common := projects.Common(k.All)
	if _, err := os.Stat(common); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no %s: no earlier version of jailed-claude left one", show.Visible(common))
	}
	if err := os.MkdirAll(k.Project, 0o700); err != nil {
		return err
	}
	private := filepath.Join(k.Project, claude.PrivateDir)
	if err := agree("replace " + show.Visible(private) + " by a copy of " + show.Visible(common) + "?"); err != nil {
		return err
	}
	return claude.Import(k.All, k.Project)
}

// PruneCommon removes the configuration that all projects shared in earlier
// versions.
func (k State) PruneCommon(agree Agree) error {
	if err := agree("remove " + show.Visible(projects.Common(k.All)) + ", which all projects once shared?"); err != nil {
		return err
	}
	return claude.Reset(k.All)
}

// Prune removes what is kept for projects that are gone. Each is named first.
func (k State) Prune(agree Agree, tell func(line string)) error {
	all, err := projects.List(k.All)
	if err != nil {
		return err
	}
	gone := slices.DeleteFunc(all, func(e projects.Entry) bool { return !e.Gone })
	if len(gone) == 0 {
		tell("every project is still there")
		return nil
	}
	for _, e := range gone {
		tell(show.Visible(e.Title()) + ", " + show.Size(e.Bytes))
	}
	if err := agree(fmt.Sprintf("remove the configurations of these %d projects?", len(gone))); err != nil {
		return err
	}
	for _, e := range gone {
		err = errors.Join(err, projects.Remove(k.All, e))
	}
	return err
}
