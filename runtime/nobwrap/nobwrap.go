// Package nobwrap is the program bwrap that a jail finds first on its PATH, where
// nobody may make namespaces: the real one could only fail, and blames the kernel.
// Agents put their commands into it, and show what it says.
//
// What does not belong here: switching the sandboxes of agents off (spec).
package nobwrap

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/following"
	"github.com/jailed-claude/jailed-claude/spec/contract/brief"
)

// Is reports whether this program was called as bwrap.
func Is(argv0 string) bool { return filepath.Base(argv0) == brief.Bwrap }

// said is what the user can do: by agent, since each has a switch of its own.
const said = `bwrap: this jail gives nobody namespaces (jailed-claude), so no sandbox works inside of it. The jail is the sandbox.
  to go on without, for Claude Code: jailed-claude run -- --settings '{"sandbox":{"enabled":false}}'
                    for codex: --sandbox danger-full-access; for copilot: /sandbox disable; for qwen: tools.executionSandbox
  to let agents make namespaces, which weakens what is protected: identity.nesting = true in your own policy
`

// Main refuses, but for what the real bwrap says of itself. It returns the exit
// status.
func Main(args []string, stderr io.Writer) int {
	if len(args) > 0 && (args[0] == "--version" || args[0] == "--help") {
		if program := following.Program(brief.Bwrap); program != "" {
			err := unix.Exec(program, append([]string{program}, args...), os.Environ())
			fmt.Fprintf(stderr, "bwrap: %s: %v\n", program, err)
			return 1
		}
	}
	fmt.Fprint(stderr, said)
	return 1
}
