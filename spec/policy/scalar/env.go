package scalar

import (
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/agent"
)

// EnvName returns what is wrong with the name of a variable, and "" if nothing
// is. The name is not in the text: people paste "TOKEN=secret" and secrets
// themselves where a name belongs, and errors end up in logs.
func EnvName(name string) string {
	if !IsEnvName(name) {
		return `is not the name of a variable: write a letter or "_", then letters, digits and "_"`
	}
	switch {
	case strings.HasPrefix(name, "_LIBCONTAINER"), strings.HasPrefix(name, "_JAIL"):
		return "begins like a variable of the jail's own machinery: remove it"
	case name == "HOME":
		return "is made by the jail: remove it, the home inside has the path that it has outside"
	case name == "XDG_RUNTIME_DIR":
		return "is made by the jail: remove it, the jail has a private one"
	case name == agent.Default().Config().Variable:
		return `is made by the jail: remove it, and write agent.config = "shared" to use the host's configuration`
	}
	return ""
}

// EnvPass is EnvName with what may be set but not passed on: values that
// describe the host and would mislead the programs inside.
func EnvPass(name string) string {
	if problem := EnvName(name); problem != "" {
		return problem
	}
	switch {
	case strings.HasPrefix(name, "LD_"):
		return "is read by the dynamic loader, and what it says of the host does not hold inside: give it a value in env.set"
	case name == "PATH":
		return "names folders of the host: name packages in agent.packages, or give it a value in env.set"
	}
	return ""
}

// IsEnvName reports whether name is a variable's: [A-Za-z_][A-Za-z0-9_]*.
func IsEnvName(name string) bool {
	for i, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_':
		case c >= '0' && c <= '9' && i > 0:
		default:
			return false
		}
	}
	return name != ""
}
