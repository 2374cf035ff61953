package own

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/claude"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/seed"
)

// Seed gives the first run of another agent what it may have of the host's.
func Seed(in *spec.Input) (*claude.Report, error) {
	o := seed.Of{Agent: in.Policy.Agent.Row(), Env: source.Environ(), Home: in.Host.Home, State: in.Host.ProjectState}
	r := &claude.Report{First: o.First()}
	if !r.First {
		return r, nil
	}
	var err error
	r.Seeded, r.Warnings, err = o.Put()
	return r, err
}

// AgentNotes are for the user of an agent that is not Claude Code: on a terminal
// what a first run begins with, and what of its own sandbox does not work inside.
func AgentNotes(in *spec.Input, seeded *claude.Report, terminal bool) (lines []string) {
	a := in.Policy.Agent.Row()
	if a.Name == agent.Default().Name {
		return nil
	}
	by := asksFor(a.Sandbox, in.Policy.Env, source.Environ())
	if seeded.First && terminal {
		line := fmt.Sprintf("first run: %s begins without settings and login; what it keeps is for this project alone", a.Title)
		if len(seeded.Seeded) > 0 {
			line = fmt.Sprintf("what %s keeps is for this project alone", a.Title)
		}
		if s := a.Sandbox; s.Variable != "" && by == "" || s.File != "" && !in.Policy.Identity.Nesting {
			line += "; its own sandbox is off, since the jail is one"
		}
		lines = append(lines, line)
	}
	if line := sandboxNote(a, in.Args, by, in.Policy.Identity.Nesting, terminal); line != "" && len(in.Command) == 0 {
		lines = append(lines, line)
	}
	return lines
}

// asksFor is the variable by which the user's policy or flags ask for the agent's own
// sandbox; empty if they do not.
func asksFor(s agent.Sandbox, env policy.Env, host map[string]string) string {
	value, set := env.Set[s.Variable]
	if !set && slices.Contains(env.Pass, s.Variable) {
		value = host[s.Variable]
	}
	if s.Variable == "" || slices.Contains([]string{"", "0", "false"}, strings.ToLower(value)) {
		return ""
	}
	return s.Variable
}

// sandboxNote says what becomes of an agent's own sandbox: to whoever asks for it, by
// arguments or the variable by, and on a terminal if it is on by default. Empty: there
// is none, or it is off.
func sandboxNote(a agent.Agent, args []string, by string, nesting, terminal bool) string {
	s := a.Sandbox
	if s.Nesting && nesting {
		return ""
	}
	or := ""
	if s.Nesting {
		or = "; or identity.nesting = true"
	}
	inVain := func(name string) string {
		return fmt.Sprintf("%s's own sandbox does not work in a jail, which is one, and its commands fail with it: leave out %s%s", a.Title, show.Visible(name), or)
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
			return inVain(name)
		}
	}
	if by != "" {
		return inVain(by)
	}
	if terminal && len(s.Off) > 0 && s.File == "" {
		return fmt.Sprintf("%s's own sandbox does not work in a jail, and its commands fail with it: jailed-claude run --agent %s -- %s%s", a.Title, a.Name, strings.Join(s.Off, " "), or)
	}
	return ""
}
