package host

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/paths"
)

// mountsBelow says which file systems are mounted in a folder that the jail may
// write: one of another disk or machine comes along with it.
func mountsBelow(what string, found []mounted) (warnings []string) {
	const most = 5
	for i, m := range found {
		if i == most {
			return append(warnings, fmt.Sprintf("%d more file systems are mounted in %s, and the jail has them too", len(found)-most, what))
		}
		warnings = append(warnings, fmt.Sprintf("%q is a file system of its own (%s) that is mounted in %s, and the jail has it too%s", m.at, m.kind, what, hideIt(what)))
	}
	return warnings
}

// hideIt is what helps; patterns are of the project alone.
func hideIt(what string) string {
	if what != theProject {
		return ""
	}
	return ": hide it (files.hide) if the agent shall not"
}

const theProject = "the project"

// mounted is a place where something is mounted, and the type of what is on top.
type mounted struct {
	at, kind string
	readOnly bool
}

// mountedBelow are the places in a folder where something is mounted.
func (s reader) mountedBelow(dir string) (found []mounted) {
	text, err := os.ReadFile(s.Root + "/proc/self/mountinfo")
	if err != nil {
		return nil // without /proc no jail starts anyway
	}
	// proc_pid_mountinfo(5): the fifth field is the place, the sixth has options,
	// what follows " - " is the type.
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	on := map[string]mounted{}
	for line := range strings.Lines(string(text)) {
		head, tail, _ := strings.Cut(line, " - ")
		fields := strings.Fields(head)
		if len(fields) < 6 {
			continue
		}
		at := unescape.Replace(fields[4])
		if at == dir || !paths.Below(at, dir) {
			continue
		}
		kind, _, _ := strings.Cut(tail, " ")
		// The last one is on top.
		on[at] = mounted{at, kind, slices.Contains(strings.Split(fields[5], ","), "ro")}
	}
	for _, at := range slices.Sorted(maps.Keys(on)) {
		found = append(found, on[at])
	}
	return found
}
