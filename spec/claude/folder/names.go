package folder

import (
	"sync"

	"github.com/jailed-claude/jailed-claude/spec/agent"
)

// Names in Claude Code's configuration folder.
const (
	SettingsJSON = "settings.json"
	GlobalJSON   = ".claude.json"
	legacyJSON   = ".config.json" // what .claude.json was once; still read
	LoginJSON    = ".credentials.json"
)

// Row is what is known of Claude Code.
var Row = sync.OnceValue(agent.Claude)

// Names are the trusted files, or folders, of a configuration of which is says
// yes.
func Names(folders bool, is func(agent.File) bool) (list []string) {
	for _, f := range Row().Config().Trusted {
		if is(f) && (f.Empty.Kind == agent.EmptyFolder) == folders {
			list = append(list, f.Path)
		}
	}
	return list
}

// reviewed: a review looks at it. Everything else in the folder is state:
// transcripts, todos, caches, sessions, the login.
func reviewed(f agent.File) bool { return f.Review }
