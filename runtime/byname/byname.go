// Package byname is what this program is in a jail under other names: that of git, of
// programs that want namespaces, of a bridge's programs, and the one that explains.
//
// What does not belong here: what each of them does, and PID 1 (jailinit).
package byname

import (
	"io"

	"github.com/jailed-claude/jailed-claude/runtime/bridge/programs"
	"github.com/jailed-claude/jailed-claude/runtime/gitfront"
	"github.com/jailed-claude/jailed-claude/runtime/nonamespaces"
	"github.com/jailed-claude/jailed-claude/runtime/why"
)

// Main is the program of that name; ok is false if it is none of these.
func Main(argv []string, stdout, stderr io.Writer) (status int, ok bool) {
	switch name, args := argv[0], argv[1:]; {
	case gitfront.Is(name):
		return gitfront.Main(args, stderr), true
	case nonamespaces.Is(name, args):
		return nonamespaces.Main(name, args, stdout, stderr), true
	case why.Is(name):
		return why.Main(args, stdout, stderr), true
	case programs.Is(name):
		return programs.Main(name, args, stdout, stderr), true
	}
	return 0, false
}
