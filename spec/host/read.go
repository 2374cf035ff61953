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
)

// Options say what the caller's policy makes worth reading.
type Options struct {
	// ProjectDir is the project; empty is the working directory.
	ProjectDir string
	// Hide and Protect are gitignore-style patterns. Those without a slash
	// are not searched for inside node_modules and its like, see giant.
	Hide, Protect []string
	// Grants are the paths of the policy's read and write keys, absolute or
	// below "~/".
	Grants []string
	// Shared asks for ClaudeShared.
	Shared bool
	// Nix asks for the Nix daemon.
	Nix bool
	// Git is what Ask found for the same project, or is still finding. Without
	// it Read asks.
	Git *Git
}

// Git is what git knows of a project.
type Git struct {
	dir      string
	settings func() []setting
}

// Ask begins to ask git about the project in a folder, so that the program runs
// while the caller learns what else Read wants to know. It ends with ctx.
func Ask(ctx context.Context, dir string) *Git { return thisHost().ask(ctx, dir) }

func (s *source) ask(ctx context.Context, dir string) *Git {
	answer := make(chan []setting, 1)
	go func() { answer <- s.gitSettings(ctx, dir) }()
	return &Git{dir: dir, settings: sync.OnceValue(func() []setting { return <-answer })}
}

// Read reads the facts of this host, once. A folder that cannot be a project
// is a [*ProjectError].
func Read(ctx context.Context, o Options) (*Facts, error) { return thisHost().read(ctx, o) }

func (s *source) read(ctx context.Context, o Options) (*Facts, error) {
	f, err := s.caller()
	if err != nil {
		return nil, err
	}
	if f.Project.Dir, err = s.findProject(o.ProjectDir, f); err != nil {
		return nil, err
	}

	// Programs that are asked run beside the search of the project.
	var wait sync.WaitGroup
	defer wait.Wait()
	if o.Git == nil || o.Git.dir != f.Project.Dir {
		o.Git = s.ask(ctx, f.Project.Dir)
	}
	daemon := *f
	daemon.Warnings = nil
	if o.Nix {
		wait.Go(func() { s.nixDaemon(ctx, &daemon, true) })
	}

	s.system(f)
	if o.Shared {
		f.ClaudeShared = s.claudeShared(f)
	}
	if f.Present, err = s.present(o.Grants, f); err != nil {
		return nil, err
	}
	if err := s.survey(ctx, f, o, o.Git.settings); err != nil {
		return nil, err
	}
	wait.Wait()
	f.GitName, f.GitEmail = identity(o.Git.settings())
	f.NixDaemon, f.NixTrusted, f.NixVersion = daemon.NixDaemon, daemon.NixTrusted, daemon.NixVersion
	f.NixSubstituters, f.NixKeys = daemon.NixSubstituters, daemon.NixKeys
	f.Warnings = append(f.Warnings, daemon.Warnings...)
	return f, ctx.Err()
}

// caller fills in who calls and which folders are whose.
func (s *source) caller() (*Facts, error) {
	passwd := s.accounts("/etc/passwd")
	f := &Facts{UID: s.uid, GID: s.gid, User: s.userName(passwd), Group: s.groupName()}
	var err error
	if f.Home, err = s.home(passwd); err != nil {
		return nil, err
	}
	f.RuntimeDir = "/run/user/" + strconv.Itoa(s.uid)
	const own = "jailed-claude"
	f.StateDir = settle(filepath.Join(s.xdg("XDG_STATE_HOME", f.Home, ".local/state"), own))
	f.OwnDirs = []string{
		f.StateDir,
		settle(filepath.Join(s.xdg("XDG_CONFIG_HOME", f.Home, ".config"), own)),
		settle(filepath.Join(s.xdg("XDG_CACHE_HOME", f.Home, ".cache"), own)),
		settle(filepath.Join(s.xdg("XDG_RUNTIME_DIR", "/", f.RuntimeDir), own)),
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
	f.Executable = settle(f.Executable)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return nil, fmt.Errorf("limit of open files: %w", err)
	}
	f.NoFile = limit.Max
	return f, nil
}

// present says what each granted path is. The keys are clean.
func (s *source) present(grants []string, f *Facts) (map[string]Kind, error) {
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
			if exists(path) || !errors.Is(err, fs.ErrNotExist) {
				f.Warnings = append(f.Warnings, fmt.Sprintf("grant %q is left out: %v", path, err))
			}
			continue
		}
		if !utf8.ValidString(real) {
			return nil, fmt.Errorf("grant %q: leads to %q, which no config.json can hold", g, real)
		}
		present[path] = Kind{Dir: isDir(real), Real: real}
	}
	return present, nil
}
