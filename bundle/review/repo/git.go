package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/program"
	"github.com/jailed-claude/jailed-claude/internal/show"
)

// git runs git.
type git struct {
	program string
	// path is PATH without folders of the project.
	path string
	// dir is a git directory of our own; its objects are borrowed.
	dir string
	// keep are descriptors that each git holds, such as a lock: one that outlives
	// this process still has it.
	keep []*os.File
}

// errNoGit is returned where there is no git to read objects with.
var errNoGit = errors.New("the layer holds changes of .git, and there is no git on PATH to read them with")

// newGit makes a git directory in a folder that borrows objects. A git of the
// project's own (node_modules/.bin, a virtual environment) is not run.
func newGit(dir, project string, sha256 bool, objects ...string) (*git, error) {
	never := []string{project}
	found, err := program.Look(os.Getenv("PATH"), "git", never)
	if err != nil {
		return nil, hint.Add(errNoGit, "install git")
	}
	config := "[core]\n\trepositoryFormatVersion = 0\n\tbare = true\n\tsplitIndex = false\n"
	if sha256 {
		config = "[core]\n\trepositoryFormatVersion = 1\n\tbare = true\n\tsplitIndex = false\n[extensions]\n\tobjectFormat = sha256\n"
	}
	var borrowed strings.Builder
	for _, o := range objects {
		if strings.ContainsAny(o, "\n") || strings.HasPrefix(o, "#") || strings.HasPrefix(o, `"`) {
			return nil, fmt.Errorf("git cannot borrow objects from %q", o)
		}
		borrowed.WriteString(o + "\n")
	}
	for _, d := range []string{"objects/info", "objects/pack", "refs"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return nil, err
		}
	}
	for name, text := range map[string]string{"HEAD": "ref: refs/heads/none\n", "config": config, "objects/info/alternates": borrowed.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return &git{program: found, path: program.Path(os.Getenv("PATH"), never), dir: dir}, nil
}

// harmless are settings for a repository whose config is the project's: nothing
// is run by it, and nothing is fetched.
var harmless = []string{
	"core.hooksPath=/dev/null", "core.fsmonitor=false", "core.attributesFile=/dev/null", "core.excludesFile=/dev/null",
	"core.alternateRefsCommand=", "core.pager=cat", "core.askPass=", "core.sshCommand=false", "gc.auto=0", "maintenance.auto=false",
	"protocol.allow=never", "credential.helper=", "core.commitGraph=false", "core.multiPackIndex=false", "log.showSignature=false",
}

// command is git with arguments, and more variables. dir is the git directory.
func (g *git) command(dir string, env []string, args ...string) *exec.Cmd {
	var settings []string
	for _, s := range harmless {
		settings = append(settings, "-c", s)
	}
	c := exec.CommandContext(context.Background(), g.program, append(append([]string{"--no-pager", "--no-replace-objects", "--no-optional-locks"}, settings...), args...)...)
	c.Dir = g.dir
	c.ExtraFiles = g.keep
	c.Env = append([]string{
		"GIT_DIR=" + dir, "PATH=" + g.path, "HOME=/dev/null", "LC_ALL=C", "TZ=" + os.Getenv("TZ"),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ATTR_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none", "GIT_PROTOCOL_FROM_USER=0", "GIT_EDITOR=false", "GIT_ADVICE=0",
		"GIT_AUTHOR_NAME=jailed-claude", "GIT_AUTHOR_EMAIL=", "GIT_COMMITTER_NAME=jailed-claude", "GIT_COMMITTER_EMAIL=jailed-claude",
	}, env...)
	return c
}

// run runs git in our own git directory.
func (g *git) run(env []string, stdin io.Reader, args ...string) (string, error) {
	return g.in(g.dir, env, stdin, args...)
}

func (g *git) in(dir string, env []string, stdin io.Reader, args ...string) (string, error) {
	c := g.command(dir, env, args...)
	c.Stdin = stdin
	var out, failed bytes.Buffer
	c.Stdout, c.Stderr = &out, &failed
	if err := c.Run(); err != nil {
		return out.String(), problem(args[0], failed.String(), err)
	}
	return out.String(), nil
}

// problem is what git said, for one line.
func problem(name, said string, err error) error {
	said = show.Line(strings.TrimSpace(strings.ReplaceAll(said, "\n", "; ")))
	const most = 400
	if len(said) > most {
		said = said[:most] + "…"
	}
	if said == "" {
		return fmt.Errorf("git %s: %w", name, err)
	}
	return fmt.Errorf("git %s: %s: %w", name, said, err)
}

// code is git's exit status, if that is what failed.
func code(err error) int {
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return e.ExitCode()
	}
	return -1
}

// lines has each on a line of its own.
func lines(list ...[]string) io.Reader {
	var b strings.Builder
	for _, l := range list {
		for _, s := range l {
			b.WriteString(s + "\n")
		}
	}
	return strings.NewReader(b.String())
}

func number(s string) int {
	n, _ := strconv.Atoi(strings.TrimSpace(s))
	return n
}
