package login

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/credential"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/claude/folder"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// isClaude: the jail is one of Claude Code.
func isClaude(in *spec.Input) bool {
	return in.Policy.Agent.Row().Name == agent.Default().Name
}

// brokers are those of a jail.
func brokers(j *contract.Jail) []network.Broker {
	if j.Network == nil {
		return nil
	}
	return j.Network.Brokers
}

// TakeOut takes the placeholder of Claude Code's login out of the jail's
// configuration.
func TakeOut(in *spec.Input) error {
	return takeAway(claudeLogins(), spec.PrivateConfig(in.Host), loginPlaceholder())
}

// claudeLogins is the format of Claude Code's login.
func claudeLogins() credential.Format { f, _ := credential.Named(credential.Claude); return f }

// hostPlace is the login of Claude Code on the host, keptPlace the one that was
// made in a jail of this project.
func hostPlace(in *spec.Input) Place {
	return Place{Format: claudeLogins(), Dir: folder.Find(source.Environ(), in.Host.Home).Dir}
}

func keptPlace(in *spec.Input) Place {
	return Place{Format: claudeLogins(), Dir: spec.KeptLogin(in.Host, agent.Default())}
}

// staysOutside: by the policy, a login can stay outside of the jail.
func staysOutside(in *spec.Input) bool {
	return in.Policy.Agent.Key == policy.KeyAuto && in.Policy.Agent.Config == policy.ConfigPrivate && in.Policy.Network.Mode != policy.NetHost
}

// Choose says which login the jail uses without having it, and where one
// that is made in it is kept. A configuration with a login of its own uses that.
func Choose(in *spec.Input) (warnings []string) {
	if !staysOutside(in) {
		return nil
	}
	if !isClaude(in) {
		return chooseLogins(in)
	}
	if Own(claudeLogins(), spec.PrivateConfig(in.Host), loginPlaceholder()) {
		return nil
	}
	for _, p := range []Place{keptPlace(in), hostPlace(in)} {
		has, err := p.Has()
		if err != nil {
			warnings = append(warnings, unreadable(p, err))
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

// chooseLogins is Choose for the other agents, whose logins come from the
// host alone.
func chooseLogins(in *spec.Input) (warnings []string) {
	a := in.Policy.Agent.Row()
	private := a.Kept(in.Host.ProjectState)
	for _, l := range a.Logins {
		p := place(in, a, l)
		has := false
		if !Own(p.Format, private[l.Folder], l.Placeholder()) {
			var err error
			if has, err = p.Has(); err != nil {
				warnings = append(warnings, unreadable(p, err))
			}
		}
		dir := ""
		if has {
			dir = underHome(in, p.Dir)
		}
		in.Env.Logins = append(in.Env.Logins, dir)
	}
	return warnings
}

// place is where a login of an agent is on the host.
func place(in *spec.Input, a agent.Agent, l agent.Login) Place {
	format, _ := credential.Named(l.Format) // of a row, which a test holds
	return Place{Format: format, Dir: a.Folders[l.Folder].On(source.Environ(), in.Host.Home)}
}

func unreadable(p Place, err error) string {
	return fmt.Sprintf("the login in %s is not used: it cannot be read: %v; log in again on the host, as yourself", show.Visible(filepath.Join(p.Dir, p.Format.File)), err)
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

// PutIn puts the placeholder of the login that a jail uses where the agent
// looks for one, or takes it away.
func PutIn(in *spec.Input, j *contract.Jail) error {
	if !isClaude(in) {
		return standInOthers(in, j)
	}
	for _, b := range brokers(j) {
		format, dir, ok := b.Login()
		if !ok || format != "" {
			continue
		}
		if rest, ok := strings.CutPrefix(dir, "~/"); ok {
			dir = filepath.Join(in.Host.Home, rest)
		}
		p := Place{Format: claudeLogins(), Dir: dir}
		if has, err := p.Has(); err != nil || has {
			return p.standIn(spec.PrivateConfig(in.Host), loginPlaceholder())
		}
	}
	return takeAway(claudeLogins(), spec.PrivateConfig(in.Host), loginPlaceholder())
}

// standInOthers is PutIn for the other agents. One that finds its placeholder
// in a variable has none in a file.
func standInOthers(in *spec.Input, j *contract.Jail) error {
	a := in.Policy.Agent.Row()
	private := a.Kept(in.Host.ProjectState)
	for _, l := range a.Logins {
		p := place(in, a, l)
		used := slices.ContainsFunc(brokers(j), func(b network.Broker) bool { format, _, ok := b.Login(); return ok && format == l.Format })
		var err error
		if used && l.Variable == "" {
			err = p.standIn(private[l.Folder], l.Placeholder())
		} else {
			err = takeAway(p.Format, private[l.Folder], l.Placeholder())
		}
		if err != nil {
			return err
		}
	}
	return nil
}
