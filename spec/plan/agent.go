package plan

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/claude"
	"github.com/jailed-claude/jailed-claude/spec/claude/account"
	"github.com/jailed-claude/jailed-claude/spec/claude/bring"
	"github.com/jailed-claude/jailed-claude/spec/claude/folder"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
	"github.com/jailed-claude/jailed-claude/spec/login"
	"github.com/jailed-claude/jailed-claude/spec/own"
	"github.com/jailed-claude/jailed-claude/spec/plan/overlay"
	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/projects"
)

// Shell is the command of a jail that runs a shell.
func Shell(in *spec.Input) ([]string, error) {
	for _, sh := range []string{in.Closure.Bash, in.Closure.Shell} {
		if sh != "" {
			return []string{sh}, nil
		}
	}
	return nil, hint.Add(errors.New("there is no shell in this jail"), "name a program: jailed-claude shell -- PROGRAM")
}

// Hold makes what a shared configuration lacks and could not be protected
// otherwise; see claude.Hold. It comes before spec.Build.
func Hold(in *spec.Input) error {
	f := &in.Host.ClaudeShared
	if in.Policy.Agent.Config != policy.ConfigShared || f.Dir == "" || len(f.Watch) == 0 {
		return nil
	}
	var paths []string
	for _, w := range f.Watch {
		paths = append(paths, w.Path)
	}
	held, err := claude.Hold(f.Dir, paths)
	if err != nil {
		return err
	}
	var watch []host.Path
	for _, w := range f.Watch {
		switch {
		case !slices.Contains(held, w.Path):
			watch = append(watch, w)
		case claude.Scratch(w.Path):
			f.Private = append(f.Private, w.Path)
		default:
			fi, err := os.Lstat(w.Path)
			if err != nil {
				return fmt.Errorf("shared configuration: %w", err)
			}
			w.Dir = fi.IsDir()
			f.Executable = append(f.Executable, w)
		}
	}
	f.Watch = watch
	return nil
}

const stateHint = "to use another folder, set XDG_STATE_HOME"

// Prepare makes the folders of jailed-claude's own that a jail mounts. Warnings
// are for the user: what became of the state of this project. Busy reports
// whether other jails run, which may be using what would be removed.
func Prepare(in *spec.Input, j *contract.Jail, busy func() bool) (Warnings, error) {
	lines, err := overlay.Prepare(in)
	warnings := Warnings(lines)
	if err != nil {
		return warnings, err
	}
	private := in.Policy.Agent.Config == policy.ConfigPrivate
	c, err := projects.Claim(in.Host.StateDir, in.Host.StateOwner)
	notes := overlay.Claimed(c, in.Host.StateOwner)
	if !private && in.Policy.Files.Cache != policy.CachePrivate {
		return append(warnings, notes...), nil // a review may have less to show
	}
	if err != nil {
		return warnings, hint.Add(fmt.Errorf("the state of the project: %w", err), stateHint)
	}
	warnings = append(warnings, notes...)
	var folders []string
	if private {
		folders = in.Policy.Agent.Row().Kept(in.Host.ProjectState)
	}
	for _, dir := range folders {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return warnings, hint.Add(fmt.Errorf("make the state folder: %w", err), stateHint)
		}
	}
	// Some of these lie over folders of caches.
	if err := prepareCache(in, j, busy, &warnings); err != nil {
		return warnings, hint.Add(err, "to do without: files.cache = \"off\"")
	}
	if !private || !isClaude(in) {
		return warnings, nil
	}
	if err := own.Points(in, j); err != nil {
		return warnings, err
	}
	if first, err := projects.FirstLookAtCommon(in.Host.StateDir); err != nil {
		warnings.add("%v", err)
	} else if first {
		warnings.add("each project has an agent configuration of its own now. The one that all projects shared is still in %s; to copy it into this project: jailed-claude config import; to remove it: jailed-claude config prune --common",
			show.Visible(projects.Common(in.Host.StateDir)))
	}
	return warnings, nil
}

// Seed gives the first run of a private configuration what it may have of the
// host's. It comes after Prepare.
func Seed(in *spec.Input, j *contract.Jail, how string) (*claude.Report, error) {
	if in.Policy.Agent.Config != policy.ConfigPrivate {
		return new(claude.Report), nil
	}
	if !isClaude(in) {
		r, err := own.Seed(in)
		return r, errors.Join(err, login.PutIn(in, j))
	}
	o := claude.Options{
		Host: folder.Find(source.Environ(), in.Host.Home), State: in.Host.ProjectState, Project: in.Host.Project.Dir, Login: how == login.Copy,
		APIKey: in.Policy.Env.Set[keyVariable],
	}
	if slices.Contains(in.Policy.Env.Pass, keyVariable) {
		o.APIKey = in.Env.Vars[keyVariable]
	}
	if b := brokerOf(j, keyVariable); b != nil {
		o.Placeholder = b.Placeholder()
	}
	if how == login.Copy {
		err := login.TakeOut(in)
		if err != nil {
			return new(claude.Report), err
		}
	}
	r, err := claude.Seed(o)
	if err == nil && how != login.Copy {
		err = login.PutIn(in, j)
	}
	if err == nil {
		err = claude.Bring(o.State, in.Host.Brought)
	}
	if r.First {
		r.Left = bring.Left(o.Host, in.Policy.Agent.Bring)
	}
	switch {
	case errors.Is(err, account.ErrNoLogin):
		err = hint.Add(err, "leave out --login, and log in inside the jail: /login")
	case err != nil:
		err = fmt.Errorf("seed the agent's configuration: %w", err)
	}
	return &r, err
}

// Notes are what the user should know before a jail starts, one line each; some
// only on a terminal.
func Notes(in *spec.Input, j *contract.Jail, seeded *claude.Report, terminal bool) []string {
	lines := seeded.Notes(terminal)
	lines = append(lines, own.AgentNotes(in, seeded, terminal)...)
	if terminal {
		lines = append(lines, overlay.Notes(in)...)
	}
	lines = append(lines, own.Toolchains(in, j, terminal)...)
	if in.Host.NixTrusted {
		lines = append(lines, "warning: the Nix daemon trusts you, so a jail with its socket can become root on this host")
	}
	if terminal && len(in.Command) == 0 && keptOut(in, j) {
		lines = append(lines, "the agent does not get ANTHROPIC_API_KEY: there is no broker on the host's network; to pass the key itself: --env ANTHROPIC_API_KEY")
	}
	return append(lines, sshNotes(in, j, terminal)...)
}
