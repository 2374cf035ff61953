package define

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/agent"
)

// Find is the row of that name.
func Find(rows []agent.Defined, name string) (agent.Defined, bool) {
	i := slices.IndexFunc(rows, func(d agent.Defined) bool { return d.Name == name })
	if i < 0 {
		return agent.Defined{}, false
	}
	return rows[i], true
}

// Running is the row of the agent that a program starts.
func Running(rows []agent.Defined, program string) (agent.Defined, bool) {
	i := slices.IndexFunc(rows, func(d agent.Defined) bool { return slices.Contains(d.Programs, program) })
	if i < 0 {
		return agent.Defined{}, false
	}
	return rows[i], true
}

// Texts are the rows by their names, each on one line.
func Texts(rows []agent.Defined) map[string]string {
	texts := map[string]string{}
	for _, d := range rows {
		// Strings, lists and tables of them are always JSON.
		text, _ := json.Marshal(d)
		texts[d.Name] = string(text)
	}
	return texts
}

// Preset are the hosts of the row that a rule "@NAME" means, nil if it means
// none.
func Preset(rows []agent.Defined, rule string) []string {
	name, ok := strings.CutPrefix(rule, "@")
	if !ok {
		return nil
	}
	d, _ := Find(rows, name)
	return d.Hosts
}

// Reach is an error where a project belongs to one of the agents, or would hold
// what the one called name keeps. home is the caller's.
func Reach(rows []agent.Defined, name, home, project string) error {
	for _, d := range rows {
		for _, f := range d.Agent().Folders {
			dir := path.Join(home, f.Path)
			if paths.Below(project, dir) || d.Name == name && paths.Below(dir, project) {
				return fmt.Errorf("%s is of the agent %s by your policy, and reaches the project %s: work in another folder, or take it out of folders in [[%s]]", dir, d.Name, project, Section)
			}
		}
	}
	return nil
}

// Holding is the agent, other than the default one, in whose folder on a host p
// is, for a user with that home: one of rows, or one that is known.
func Holding(rows []agent.Defined, p, home string) (agent.Agent, bool) {
	all := agent.All()
	for _, d := range rows {
		all = append(all, d.Agent())
	}
	for _, a := range all {
		for _, f := range a.Folders {
			if a.Name != agent.Default().Name && paths.Below(p, path.Join(home, f.Path)) {
				return a, true
			}
		}
	}
	return agent.Agent{}, false
}
