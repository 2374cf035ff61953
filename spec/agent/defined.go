package agent

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Defined is a row of the user's own, as a policy has it. What its fields may
// hold is for package define of the policy.
type Defined struct {
	Name     string   `json:"name"`
	Title    string   `json:"title,omitempty"`
	Programs []string `json:"programs,omitempty"`
	// Folders begin with "~/".
	Folders []string `json:"folders,omitempty"`
	// Exec is what of a project its program on the host executes or trusts.
	Exec  []string `json:"exec,omitempty"`
	Hosts []string `json:"hosts,omitempty"`
	// Keys are among KeyVariables.
	Keys []string          `json:"keys,omitempty"`
	Set  map[string]string `json:"set,omitempty"`
	// SandboxOff are the arguments that switch its own sandbox off.
	SandboxOff []string `json:"sandbox-off,omitempty"`
}

// Agent is the row.
func (d Defined) Agent() Agent {
	a := Agent{
		Name: d.Name, Title: cmp.Or(d.Title, d.Name), Own: true,
		Programs: d.Programs, Hosts: d.Hosts, Sandbox: Sandbox{Off: d.SandboxOff},
	}
	for _, f := range d.Folders {
		a.Folders = append(a.Folders, Folder{Path: strings.TrimPrefix(f, "~/")})
	}
	for _, f := range d.Exec {
		a.Project = append(a.Project, File{Path: f, What: "files, by your policy", Watch: true})
	}
	for _, k := range knownKeys() {
		if slices.Contains(d.Keys, k.Variable) {
			a.Keys = append(a.Keys, k)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.Set)) {
		a.Variables = append(a.Variables, Variable{Name: name, Value: d.Set[name]})
	}
	return a
}

// knownKeys are those of services that several agents use.
func knownKeys() []Key { return append([]Key{anthropicByName(), openAI()}, Named("gemini").Keys...) }

// KeyVariables are the variables that hold such keys.
func KeyVariables() (names []string) {
	for _, k := range knownKeys() {
		names = append(names, k.Variable)
	}
	return names
}
