package plan

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/credential"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/claude/folder"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
	"github.com/jailed-claude/jailed-claude/spec/login"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// claudeLogins is the format of Claude Code's login.
func claudeLogins() credential.Format { f, _ := credential.Named(credential.Claude); return f }

// hostPlace is the login of Claude Code on the host, keptPlace the one that was
// made in a jail of this project.
func hostPlace(in *spec.Input) login.Place {
	return login.Place{Format: claudeLogins(), Dir: folder.Find(source.Environ(), in.Host.Home).Dir}
}

func keptPlace(in *spec.Input) login.Place {
	return login.Place{Format: claudeLogins(), Dir: spec.KeptLogin(in.Host, agent.Default())}
}

// chooseLogin says which login the jail uses without having it, and where one
// that is made in it is kept. A configuration with a login of its own uses that.
func chooseLogin(in *spec.Input) (warnings []string) {
	if !isClaude(in) || in.Policy.Agent.Key != policy.KeyAuto || in.Policy.Agent.Config != policy.ConfigPrivate || in.Policy.Network.Mode == policy.NetHost {
		return nil
	}
	if login.Own(claudeLogins(), spec.PrivateConfig(in.Host), loginPlaceholder()) {
		return nil
	}
	for _, p := range []login.Place{keptPlace(in), hostPlace(in)} {
		has, err := p.Has()
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("the login in %s is not used: it cannot be read: %v", show.Visible(filepath.Join(p.Dir, p.Format.File)), err))
		}
		if has {
			in.Env.Login = underHome(in, p.Dir)
			break
		}
	}
	in.Env.Keep = keptPlace(in).Dir
	if in.Env.Login == underHome(in, in.Env.Keep) {
		in.Env.Login = in.Env.Keep
	}
	return warnings
}

// underHome is a path with "~/" for the home folder.
func underHome(in *spec.Input, dir string) string {
	if rel, ok := strings.CutPrefix(dir, in.Host.Home+"/"); ok {
		return "~/" + rel
	}
	return dir
}

// loginPlaceholder stands for a login of Claude Code in a jail.
func loginPlaceholder() string {
	for _, k := range agent.Default().Keys {
		if k.ByName {
			return k.For("").Placeholder()
		}
	}
	return ""
}

// standIn puts the placeholder of the login that a jail uses where the agent
// looks for one, or takes it away.
func standIn(in *spec.Input, j *contract.Jail) error {
	for _, b := range Brokers(j) {
		format, dir, ok := b.Login()
		if !ok || format != "" {
			continue
		}
		if rest, ok := strings.CutPrefix(dir, "~/"); ok {
			dir = filepath.Join(in.Host.Home, rest)
		}
		p := login.Place{Format: claudeLogins(), Dir: dir}
		if has, err := p.Has(); err != nil || has {
			return p.StandIn(spec.PrivateConfig(in.Host), loginPlaceholder())
		}
	}
	return login.TakeAway(claudeLogins(), spec.PrivateConfig(in.Host), loginPlaceholder())
}
