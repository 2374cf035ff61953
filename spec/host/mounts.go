package host

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/paths"
)

// mountsBelow says which file systems are mounted in a project: a folder of
// another disk or machine comes along with it.
func (s reader) mountsBelow(project string) (warnings []string) {
	const most = 5
	found, kinds := s.mountedBelow(project)
	for i, at := range found {
		if i == most {
			return append(warnings, fmt.Sprintf("%d more file systems are mounted in the project, and the jail has them too", len(found)-most))
		}
		warnings = append(warnings, fmt.Sprintf("%q is a file system of its own (%s) that is mounted in the project, and the jail has it too: hide it (files.hide) if the agent shall not", at, kinds[at]))
	}
	return warnings
}

// mountedBelow are the places in a folder where something is mounted, and the
// type of what is on top there.
func (s reader) mountedBelow(project string) (found []string, kinds map[string]string) {
	text, err := os.ReadFile(s.Root + "/proc/self/mountinfo")
	if err != nil {
		return nil, nil // without /proc no jail starts anyway
	}
	// proc_pid_mountinfo(5): the fifth field is the place, what follows " - " is
	// the type.
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	kinds = map[string]string{}
	for line := range strings.Lines(string(text)) {
		head, tail, _ := strings.Cut(line, " - ")
		fields := strings.Fields(head)
		if len(fields) < 5 {
			continue
		}
		at := unescape.Replace(fields[4])
		if at == project || !paths.Below(at, project) {
			continue
		}
		kind, _, _ := strings.Cut(tail, " ")
		if kinds[at] == "" {
			found = append(found, at)
		}
		kinds[at] = kind // the last one is on top
	}
	slices.Sort(found)
	return found, kinds
}
