package kept

import (
	"os"
	"path/filepath"

	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
	"github.com/jailed-claude/jailed-claude/spec/login"
	"github.com/jailed-claude/jailed-claude/spec/plan"
)

// Logins says by what each agent would be somebody in the jails of a project.
func Logins(o plan.Options) (uses []login.Use, warnings plan.Warnings, err error) {
	p, warnings, err := o.Merged()
	if err != nil {
		return nil, warnings, err
	}
	k, err := For(o.Project, "")
	if err != nil {
		return nil, warnings, err
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, warnings, err
	}
	if real, err := filepath.EvalSymlinks(home); err == nil {
		home = real
	}
	for _, name := range agent.Names() {
		in := &spec.Input{Policy: p, Host: host.Facts{Home: home, StateDir: k.All, ProjectState: k.Project}}
		in.Policy.Agent.Name = name
		in.Env = spec.EnvOf(in.Policy, source.Environ())
		u, w := login.UseOf(in)
		uses, warnings = append(uses, u), append(warnings, w...)
	}
	return uses, warnings, nil
}
