// Package agents measures real agents, beside themselves without a jail: how long
// it takes from their start to the first screen, and a whole turn of Codex whose key
// stays outside.
//
// What does not belong here: how a screen is found (package screen), and the turn of
// Claude Code.
package agents

import (
	"os"
	"os/exec"
)

// Columns of the tables: the agent alone, and in a jail.
const (
	Unjailed = "unjailed"
	Jailed   = "jailed-claude"
)

// Host is where it is measured.
type Host struct {
	// Binary is jailed-claude.
	Binary string
	// Agents is a folder with agents as "make check-agents" installs them; Claude is
	// that of Claude Code's program, which is not among them.
	Agents, Claude string
	// Address is one that the names of OpenAI's services have there (bench.sh).
	Address string
	// Home is the home of who runs commands, Dir a folder for all to read.
	Home, Dir string
	Rounds    int
	Command   func(argv []string) *exec.Cmd
	// OnPTY makes a pseudo-terminal the controlling one of a command.
	OnPTY func(c *exec.Cmd, slave *os.File) error
	Say   func(format string, args ...any)
}
