package own

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
	"github.com/jailed-claude/jailed-claude/spec/toolchain/home"
)

// Toolchains are what of the user's toolchains the project leads to and the
// jail has not; on a terminal also what the project uses.
func Toolchains(in *spec.Input, j *contract.Jail, terminal bool) (lines []string) {
	names := in.Policy.Files.Toolchains
	if slices.Contains(names, home.None) {
		return nil
	}
	h := home.Host{Home: in.Host.Home, Project: in.Host.Project.Dir, Env: source.Environ()}
	lines = h.Leading(func(p string) bool { return inJail(j, p) })
	if !terminal {
		return lines
	}
	var offer, why []string
	for _, u := range h.Used() {
		if !slices.ContainsFunc(in.Host.Toolchains, func(f home.Found) bool { return f.Name == u.Name }) {
			offer, why = append(offer, u.Name), append(why, u.Name+" ("+u.Why+")")
		}
	}
	if len(offer) > 0 {
		lines = append(lines, fmt.Sprintf("this project uses %s of your home, which the jail has not: --toolchain %s; or toolchains = [\"auto\"] under [files] in your policy, [\"none\"] to be left alone",
			strings.Join(why, " and "), strings.Join(offer, " --toolchain ")))
	}
	return lines
}

// inJail: a folder of the host that holds the path is mounted at its own path.
func inJail(j *contract.Jail, p string) bool {
	inside := false
	for _, m := range j.Spec.Mounts {
		if paths.Below(p, m.Destination) {
			inside = m.Type == "bind" && m.Source == m.Destination
		}
	}
	return inside
}
