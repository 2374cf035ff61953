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

// Refused says why no jail may write p on a host, for a user with that home: it is
// what an agent of rows, or one that is known, runs or believes there, lies in that or
// holds it. Empty if nothing is. The configuration of the default one is a setting of
// its own, and not looked at.
func Refused(rows []agent.Defined, p, home string) string {
	all := agent.All()
	for _, d := range rows {
		all = append(all, d.Agent())
	}
	for _, a := range all {
		var folders []string
		for _, f := range a.Folders {
			folders = append(folders, f.Path)
		}
		if a.Name == agent.Default().Name {
			folders = nil
		}
		for i, f := range slices.Concat(folders, a.Beside) {
			f = path.Join(home, f)
			whose := " the host's own " + a.Title + ", which would run or believe what is written there: "
			switch {
			case paths.Below(p, f) && i < len(folders):
				return p + " belongs to" + whose + "leave it out; jailed-claude run --agent " + a.Name + " has private folders in its place, and keeps them for this project"
			case paths.Below(p, f):
				return p + " is read by" + whose + "leave it out"
			case paths.Below(f, p):
				return p + " holds " + f + ", of" + whose + "grant something narrower"
			}
		}
	}
	return ""
}
