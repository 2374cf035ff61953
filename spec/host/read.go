package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/host/git"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
	"github.com/jailed-claude/jailed-claude/spec/host/survey"
	"github.com/jailed-claude/jailed-claude/spec/projects"
	"github.com/jailed-claude/jailed-claude/spec/toolchain/home"
)

// Options say what the caller's policy makes worth reading.
type Options struct {
	// ProjectDir is the project; empty is the working directory.
	ProjectDir string
	// Also are further projects.
	Also []Also
	// Hide and Protect are gitignore-style patterns. Those without a slash
	// are not searched for inside node_modules and its like, see giant.
	Hide, Protect []string
	// Grants are the paths of the policy's read and write keys, absolute or
	// below "~/".
	Grants []string
	// Write are those of Grants that the jail may write.
	Write []string
	// Shared asks for ClaudeShared.
	Shared bool
	// Toolchains are those of the home, by name.
	Toolchains []string
	// OwnState: a linked worktree has a state of its own, not that of its
	// repository.
	OwnState bool
	// ReadOnly: the project cannot be changed from inside.
	ReadOnly bool
	// Unprotect are paths that are not protected, as Grants are written.
	Unprotect []string
	// Inside: the program starts in the working directory, if that is in the
	// project.
	Inside bool
	// Layer: the project is shown through a layer.
	Layer bool
	// LayerName is its name, if it has one.
	LayerName string
	// Nix asks for the Nix daemon.
	Nix bool
	// SSHKeys are .pub files, absolute or below "~/"; SSHHosts names as known_hosts
	// has them.
	SSHKeys, SSHHosts []string
	// Agents are agents of the user's own.
	Agents []agent.Agent
	// Git is what Ask found for the same project, or is still finding. Without
	// it Read asks.
	Git *Git
}

// reader reads the facts of a host.
type reader struct{ *source.Source }

// Git is what git knows of a project.
type Git struct {
	dir      string
	settings func() []git.Setting
	// never are the further folders that the jail may write, once that is known.
	never chan []string
}

// Ask begins to ask git about the project in a folder, so that the program runs
// while the caller learns what else Read wants to know. It ends with ctx.
func Ask(ctx context.Context, dir string) *Git { return reader{source.This()}.ask(ctx, dir) }

func (s reader) ask(ctx context.Context, dir string) *Git {
	answer, never := make(chan []git.Setting, 1), make(chan []string, 1)
	go func() {
		answer <- git.Settings(ctx, s.Outside(dir), dir, func() []string {
			select {
			case dirs := <-never:
				return dirs
			case <-ctx.Done():
				return nil // and nothing is run
			}
		})
	}()
	return &Git{dir: dir, settings: sync.OnceValue(func() []git.Setting { return <-answer }), never: never}
}

// Read reads the facts of this host, once. A folder that cannot be a project
// is a [*ProjectError].
func Read(ctx context.Context, o Options) (*Facts, error) { return reader{source.This()}.read(ctx, o) }

func (s reader) read(ctx context.Context, o Options) (*Facts, error) {
	f, err := s.caller()
	if err != nil {
		return nil, err
	}
	if f.Project.Dir, err = s.findProject(o.ProjectDir, f); err != nil {
		return nil, err
	}
	if o.Inside {
		f.Start = startIn(f.Project.Dir)
	}
	f.StateOwner = f.Project.Dir
	if !o.OwnState {
		f.StateOwner = git.Repository(f.Project.Dir)
	}
	f.ProjectState = projects.Dir(f.StateDir, f.StateOwner)

	// Programs that are asked run beside the search of the project.
	var wait sync.WaitGroup
	defer wait.Wait()
	if o.Git == nil || o.Git.dir != f.Project.Dir {
		o.Git = s.ask(ctx, f.Project.Dir)
	}
	never := []string{f.Project.Dir}
	for _, a := range o.Also {
		never = append(never, source.Settle(a.Dir))
	}
	for _, g := range o.Write {
		never = append(never, source.Settle(written(g, f)))
	}
	select {
	case o.Git.never <- never:
	default: // it was told before
	}
	daemon := *f
	daemon.Warnings = nil
	if o.Nix {
		wait.Go(func() { reader{s.Outside(never...)}.nixDaemon(ctx, &daemon, true) })
	}

	s.system(f)
	s.ssh(f, o)
	if o.Shared {
		var warnings []string
		f.ClaudeShared, warnings = survey.Claude(s.Env, f.Home)
		f.Warnings = append(f.Warnings, warnings...)
	}
	if f.Present, err = s.present(o.Grants, f); err != nil {
		return nil, err
	}
	var warnings []string
	if len(o.Toolchains) > 0 {
		f.Toolchains, warnings = s.toolchains(f).Find(o.Toolchains)
		f.Warnings = append(f.Warnings, warnings...)
	}
	f.Project, warnings, err = survey.Of(ctx, survey.Options{
		Dir: f.Project.Dir, Home: f.Home, Config: s.xdg("XDG_CONFIG_HOME", f.Home, ".config"), UID: s.UID, Hide: o.Hide, Protect: o.Protect, Settings: o.Git.settings,
		Refuse: func(dir string) error { return s.refuse(dir, f) }, Granted: granted(f), Unprotect: unprotected(o, f), Own: o.Agents,
	})
	if err != nil {
		return nil, err
	}
	f.Warnings = append(f.Warnings, warnings...)
	var below []mounted
	s.places(f, &f.Project, o.LayerName)
	if o.Layer {
		if err := s.layer(f, f.Project); err != nil {
			return nil, err
		}
	} else {
		below = s.mountedBelow(f.Project.Dir)
		f.Warnings = append(f.Warnings, mountsBelow(theProject, below)...)
	}
	if err := s.also(ctx, f, o); err != nil {
		return nil, err
	}
	if err := s.further(ctx, f, o); err != nil {
		return nil, err
	}
	for _, p := range slices.Concat(f.Also, f.Further) {
		if o.Layer && f.isProject(p.Dir) {
			continue // there is none
		}
		in := s.mountedBelow(p.Dir)
		f.Warnings = append(f.Warnings, mountsBelow(strconv.Quote(p.Dir), in)...)
		below = append(below, in...)
	}
	if err := s.spelling(f, below, o.ReadOnly && len(f.Further) == 0); err != nil {
		return nil, err
	}
	s.sockets(f, o)
	s.acl(f, o.ReadOnly || o.Layer)
	wait.Wait()
	s.gitSettings(f, o.Git.settings())
	f.NixDaemon, f.NixTrusted, f.NixVersion = daemon.NixDaemon, daemon.NixTrusted, daemon.NixVersion
	f.NixSubstituters, f.NixKeys = daemon.NixSubstituters, daemon.NixKeys
	f.Warnings = append(f.Warnings, daemon.Warnings...)
	return f, ctx.Err()
}

// toolchains is where those of the home are looked for.
func (s reader) toolchains(f *Facts) home.Host {
	return home.Host{Home: f.Home, Project: f.Project.Dir, Env: s.Env}
}

// further surveys the folders that the jail may write beside the project.
func (s reader) further(ctx context.Context, f *Facts, o Options) error {
	var dirs []string
	for _, g := range o.Write {
		// Others are refused later.
		if p := written(g, f); f.Present[p].Dir && f.Present[p].Real == p && !f.isProject(p) && !slices.Contains(dirs, p) {
			dirs = append(dirs, p)
		}
	}
	for _, dir := range dirs {
		p, warnings, err := survey.Of(ctx, survey.Options{
			Dir: dir, Home: f.Home, Config: s.xdg("XDG_CONFIG_HOME", f.Home, ".config"), UID: s.UID, Further: true, Settings: o.Git.settings, Granted: granted(f), Unprotect: unprotected(o, f), Own: o.Agents,
		})
		if err != nil {
			return err
		}
		f.Further = append(f.Further, p)
		f.Warnings = append(f.Warnings, warnings...)
	}
	return nil
}

// startIn is the working directory, if it lies in the project.
func startIn(project string) string {
	dir, err := os.Getwd()
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil || dir == project || !paths.Below(dir, project) || !utf8.ValidString(dir) {
		return ""
	}
	return dir
}

// unprotected are the paths that the policy lifts the protection of.
func unprotected(o Options, f *Facts) (list []string) {
	for _, p := range o.Unprotect {
		list = append(list, written(p, f))
	}
	return list
}

// written is the path that a grant means.
func written(grant string, f *Facts) string {
	if grant == "~" || strings.HasPrefix(grant, "~/") {
		grant = f.Home + grant[1:]
	}
	return filepath.Clean(grant)
}

// Caller says who calls, and which folders are whose: the first of what Read
// finds.
func Caller(s *source.Source) (*Facts, error) { return reader{s}.caller() }

// caller fills in who calls and which folders are whose.
func (s reader) caller() (*Facts, error) {
	passwd := s.accounts("/etc/passwd")
	f := &Facts{UID: s.UID, GID: s.GID, User: s.userName(passwd), Group: s.groupName()}
	var err error
	if f.Home, err = s.home(passwd); err != nil {
		return nil, err
	}
	f.RuntimeDir = "/run/user/" + strconv.Itoa(s.UID)
	const own = "jailed-claude"
	f.StateDir = source.Settle(filepath.Join(s.xdg("XDG_STATE_HOME", f.Home, ".local/state"), own))
	f.OwnDirs = []string{
		f.StateDir,
		source.Settle(filepath.Join(s.xdg("XDG_CONFIG_HOME", f.Home, ".config"), own)),
		source.Settle(filepath.Join(s.xdg("XDG_CACHE_HOME", f.Home, ".cache"), own)),
		source.Settle(filepath.Join(s.xdg("XDG_RUNTIME_DIR", "/", f.RuntimeDir), own)),
	}
	f.OwnDirs = slices.Compact(f.OwnDirs)
	for _, d := range f.OwnDirs {
		if !utf8.ValidString(d) {
			return nil, fmt.Errorf("own folder %q: the path is not UTF-8", d)
		}
	}
	if f.Executable, err = os.Executable(); err != nil {
		return nil, fmt.Errorf("own program: %w", err)
	}
	f.Executable = source.Settle(f.Executable)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return nil, fmt.Errorf("limit of open files: %w", err)
	}
	f.NoFile = limit.Max
	if m := uint32(s.Umask); s.Umask != usualUmask {
		f.Umask = &m
	}
	return f, nil
}

// usualUmask is that of a container's programs, unless a configuration says more.
const usualUmask = 0o022

// present says what each granted path is. The keys are clean.
func (s reader) present(grants []string, f *Facts) (map[string]Kind, error) {
	present := map[string]Kind{}
	for _, g := range grants {
		path := g
		if path == "~" || strings.HasPrefix(path, "~/") {
			path = f.Home + path[1:]
		}
		switch {
		case !filepath.IsAbs(path):
			return nil, fmt.Errorf("grant %q: is neither absolute nor below \"~/\"", g)
		case strings.ContainsRune(path, 0) || !utf8.ValidString(path):
			return nil, fmt.Errorf("grant %q: is not a path that a config.json can hold", g)
		}
		path = filepath.Clean(path)
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			if source.Exists(path) || !errors.Is(err, fs.ErrNotExist) {
				f.Warnings = append(f.Warnings, fmt.Sprintf("grant %q is left out: %v", path, err))
			}
			continue
		}
		if !utf8.ValidString(real) {
			return nil, fmt.Errorf("grant %q: leads to %q, which no config.json can hold", g, real)
		}
		if why := s.socketGrant(path); why != "" {
			f.Warnings = append(f.Warnings, why)
		}
		present[path] = Kind{Dir: source.IsDir(real), Real: real}
	}
	return present, nil
}
