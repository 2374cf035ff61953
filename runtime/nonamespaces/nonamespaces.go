// Package nonamespaces is the programs bwrap, podman and buildah that a jail finds
// first on its PATH, where the real ones could only fail, and blame the kernel or a
// file. Agents put their commands into bwrap, and show what it says.
//
// What does not belong here: switching the sandboxes of agents off (spec).
package nonamespaces

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/following"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/contract/brief"
)

// bwrap is what the user can do: by agent, since each has a switch of its own. Claude
// Code shows the first line alone where it is root.
const bwrap = `bwrap: this jail gives nobody namespaces (jailed-claude): it is the sandbox, and none works in it. To go on without, for Claude Code: jailed-claude run -- --settings '{"sandbox":{"enabled":false}}'
  for codex: /permissions, or --sandbox danger-full-access; for copilot: /sandbox disable; for qwen: tools.executionSandbox
  to let agents make namespaces, which weakens what is protected: identity.nesting = true in your own policy
`

// containers is said by podman and buildah, whatever they are asked for: both make
// namespaces with ids of their own first.
const containers = `%[1]s: no program makes containers in a jail (jailed-claude): it would take ids and a cgroup of its own, which nobody gets here.
  to log in at a registry, which needs none: skopeo login REGISTRY (%[1]s and skopeo read the same file)
  to look at images and copy them: skopeo inspect, skopeo copy
  to build and run them: outside of the jail
`

// said is what each program says, and with which exit status.
var said = map[string]struct {
	text   string
	status int
}{
	brief.Bwrap:   {bwrap, 1},
	brief.Podman:  {fmt.Sprintf(containers, brief.Podman), 125},
	brief.Buildah: {fmt.Sprintf(containers, brief.Buildah), 125},
}

// help is what bwrap says of itself. Codex uses one of its own, which blames the
// kernel, where it does not read these two.
const help = `usage: bwrap [OPTIONS...] [--] COMMAND [ARGS...]

This is not bubblewrap, but a program of the jail's that says why there is none (jailed-claude).
What programs look for before they use it, and get that answer:

    --as-pid-1
    --perms OCTAL
`

// named is the name that a program was called by. Codex follows the link to the
// jail's init, and what it calls then has no name (runtime/jailinit/pid1.c).
func named(argv0 string, args []string) string {
	if argv0 == contract.InitPath && len(args) > 0 && slices.Contains([]string{"--help", "--as-pid-1", "--unshare-user"}, args[0]) {
		return brief.Bwrap
	}
	return filepath.Base(argv0)
}

// Is reports whether this program was called as one of them.
func Is(argv0 string, args []string) bool { _, ok := said[named(argv0, args)]; return ok }

// Main refuses, but for what the real program says of itself. It returns the exit
// status.
func Main(argv0 string, args []string, stdout, stderr io.Writer) int {
	name := named(argv0, args)
	switch {
	case len(args) == 0:
	case args[0] == "--help" && name == brief.Bwrap:
		fmt.Fprint(stdout, help)
		return 0
	case args[0] == "--help" || args[0] == "--version":
		if program := following.Program(name); program != "" {
			err := unix.Exec(program, append([]string{program}, args...), os.Environ())
			fmt.Fprintf(stderr, "%s: %s: %v\n", name, program, err)
			return said[name].status
		}
	}
	fmt.Fprint(stderr, said[name].text)
	return said[name].status
}
