package own

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/agent"
)

// AgentNotes are for the user of an agent that is not Claude Code: on a terminal
// what it begins with, and what of its own sandbox does not work inside.
func AgentNotes(in *spec.Input, terminal bool) (lines []string) {
	a := in.Policy.Agent.Row()
	if a.Name == agent.Default().Name {
		return nil
	}
	begins := terminal && len(a.Folders) > 0
	for _, dir := range a.Kept(in.Host.ProjectState) {
		if !begins {
			break
		}
		list, err := os.ReadDir(dir)
		begins = err == nil && len(list) == 0
	}
	if begins {
		line := fmt.Sprintf("first run: %s begins without settings and login; what it keeps is for this project alone", a.Title)
		if s := a.Sandbox; s.Variable != "" || s.File != "" && !in.Policy.Identity.Nesting {
			line += "; its own sandbox is off, since the jail is one"
		}
		lines = append(lines, line)
	}
	if line := sandboxNote(a, in.Args, in.Policy.Identity.Nesting); line != "" && len(in.Command) == 0 {
		lines = append(lines, line)
	}
	return lines
}

// sandboxNote says what becomes of an agent's own sandbox. Empty: there is none, or it
// is off.
func sandboxNote(a agent.Agent, args []string, nesting bool) string {
	s := a.Sandbox
	if s.Nesting && nesting {
		return ""
	}
	or := ""
	if s.Nesting {
		or = "; or identity.nesting = true"
	}
	for i, arg := range args {
		name, value, is := strings.Cut(arg, "=")
		if !is && i+1 < len(args) {
			value = args[i+1]
		}
		switch off := len(s.Off) > 0 && (name == s.Off[0] || name == s.Short); {
		case slices.Contains(s.Also, name), off && (len(s.Off) == 1 || value == s.Off[1]):
			return ""
		case slices.Contains(s.On, name) && value != "false":
			return fmt.Sprintf("%s's own sandbox does not work in a jail, which is one, and its commands fail with it: leave out %s%s", a.Title, show.Visible(name), or)
		}
	}
	if len(s.Off) > 0 && s.File == "" {
		return fmt.Sprintf("%s's own sandbox does not work in a jail, and its commands fail with it: jailed-claude run --agent %s -- %s%s", a.Title, a.Name, strings.Join(s.Off, " "), or)
	}
	return ""
}
