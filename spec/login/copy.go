package login

import (
	"errors"
	"fmt"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// Values of the login that a private configuration begins with.
const (
	Nothing = "none"
	Copy    = "copy"
)

// Check refuses a login that the configuration of a jail has no use of.
func Check(in *spec.Input, how string) error {
	switch {
	case how == Nothing:
		return nil
	case !isClaude(in):
		return hint.Add(errors.New("--login is for Claude Code"), "leave it out: a login of this host is used without a copy where jailed-claude status shows one; else log in inside: jailed-claude shell --agent "+in.Policy.Agent.Name)
	case how != Copy:
		return hint.Add(fmt.Errorf("--login: unknown value %q", how), "use none or copy")
	case in.Policy.Agent.Config != policy.ConfigPrivate:
		return hint.Add(errors.New(`--login copy is for config = "private"`), "leave the flag out: a shared configuration already has the host's login")
	}
	in.Env.Login, in.Env.Keep = "", "" // the jail has it
	return nil
}
