package gitfront

// #cgo CFLAGS: -Wall -Wextra -Werror -I${SRCDIR}/../constructor
// #include "constructor.h"
import "C"

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/following"
	"github.com/jailed-claude/jailed-claude/internal/paths"
	_ "github.com/jailed-claude/jailed-claude/runtime/constructor" // where most commands go on
	"github.com/jailed-claude/jailed-claude/spec/contract/brief"
)

// Is reports whether this program was called as git.
func Is(argv0 string) bool { return filepath.Base(argv0) == brief.Git }

// Statuses: git's own for what it refuses, and those of a shell.
const (
	exitRefused  = 128
	exitNotFound = 127
	exitCannot   = 126
)

// Main refuses a command, or becomes the real git. It returns the exit status.
func Main(args []string, stderr io.Writer) int {
	program := following.Program(brief.Git)
	if program == "" {
		fmt.Fprintln(stderr, "git: command not found")
		return exitNotFound
	}
	if text, err := os.ReadFile(brief.FactsPath); err == nil {
		if f, err := brief.Read(text); err == nil {
			if r := ask(program, f, args); r != nil {
				fmt.Fprint(stderr, r)
				return exitRefused
			}
		}
	}
	err := unix.Exec(program, append([]string{program}, args...), os.Environ())
	fmt.Fprintf(stderr, "git: %s: %v\n", program, err)
	return exitCannot
}

// refusal is why a command is not done.
type refusal struct {
	// Command is what was refused, and Why; Instead are ways to go on.
	Command, Why string
	Instead      []string
}

func (r *refusal) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "git: jailed-claude refuses \"git %s\", and nothing was changed: %s\n", r.Command, r.Why)
	for _, s := range r.Instead {
		fmt.Fprintf(&b, "  %s\n", s)
	}
	return b.String()
}

// asker knows a repository, and asks git about it.
type asker struct {
	program string
	// global are the options of git itself, before the command.
	global []string
	// dir is the folder that git works in.
	dir   string
	facts brief.Facts
	// configHeld: the repository's configuration cannot be written.
	configHeld bool
	// held are the pathspecs of what cannot be replaced, and names the paths.
	held, names []string
}

// ask is nil where git may go on. program is the real git.
func ask(program string, f brief.Facts, args []string) *refusal {
	a := &asker{program: program, facts: f}
	name, rest := a.split(args)
	for range 5 { // an alias may be of another one
		if rules[name] != nil {
			break
		}
		alias, ok := a.git("config", "--get", "alias."+name)
		if !ok || alias == "" || strings.ContainsAny(alias, "!'\"\\") {
			return nil
		}
		words := strings.Fields(alias)
		name, rest = words[0], append(words[1:], rest...)
	}
	rule := rules[name]
	if rule == nil || !a.look() {
		return nil
	}
	r := rule(a, rest)
	if r != nil && r.Command == "" {
		r.Command = strings.Join(append([]string{name}, rest...), " ")
	}
	return r
}

// split sets git's own options aside.
func (a *asker) split(args []string) (name string, rest []string) {
	a.dir, _ = os.Getwd()
	for i := 0; i < len(args); i++ {
		if !strings.HasPrefix(args[i], "-") {
			a.global = args[:i]
			return args[i], args[i+1:]
		}
		switch args[i] {
		case "-C", "-c", "--git-dir", "--work-tree", "--namespace", "--config-env", "--attr-source", "--super-prefix":
			if args[i] == "-C" && i+1 < len(args) {
				a.dir = join(a.dir, args[i+1])
			}
			i++
		}
	}
	return "", nil
}

func join(dir, p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(dir, p)
}

// look finds out what of the repository is held.
func (a *asker) look() bool {
	out, ok := a.git("rev-parse", "--path-format=absolute", "--git-common-dir", "--show-toplevel")
	common, top, two := strings.Cut(out, "\n")
	if !ok || !two {
		return false
	}
	for _, p := range a.facts.Protected {
		a.configHeld = a.configHeld || p.Path == filepath.Join(common, "config")
		rel, below := strings.CutPrefix(p.Path, top+"/")
		if below && !paths.Below(p.Path, common) && rel != ".git" && !strings.HasPrefix(rel, ".git/") {
			a.held, a.names = append(a.held, ":(top,literal)"+rel), append(a.names, rel)
		}
	}
	return true
}

// git asks git; what fails has no answer.
func (a *asker) git(args ...string) (string, bool) {
	out, err := a.command(args...).Output()
	return strings.TrimRight(string(out), "\n"), err == nil
}

func (a *asker) command(args ...string) *exec.Cmd {
	c := exec.Command(a.program, slices.Concat(a.global, []string{"-c", "core.quotePath=false"}, args)...)
	c.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")
	return c
}

// commit: there is such a commit.
func (a *asker) commit(rev string) bool {
	_, ok := a.git("rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{commit}")
	return ok
}

// setting is the value of a variable.
func (a *asker) setting(key string) string {
	v, _ := a.git("config", "--get", key)
	return v
}

// section: the repository's configuration says something of a branch.
func (a *asker) section(branch string) bool {
	out, _ := a.git("config", "--local", "--list", "--name-only")
	return slices.ContainsFunc(strings.Split(out, "\n"), func(k string) bool { return strings.HasPrefix(k, "branch."+branch+".") })
}

// branch is the current one.
func (a *asker) branch() string {
	b, _ := a.git("symbolic-ref", "--quiet", "--short", "HEAD")
	return b
}

// differ are the held paths in which two sides differ, in the arguments of "git diff".
func (a *asker) differ(args ...string) []string {
	if len(a.held) == 0 {
		return nil
	}
	return a.lines(slices.Concat([]string{"diff", "--name-only", "--no-renames", "--no-ext-diff"}, args, []string{"--"}, a.held)...)
}

// commits are the held paths that commits change, in the arguments of "git log".
func (a *asker) commits(args ...string) []string {
	if len(a.held) == 0 {
		return nil
	}
	return a.lines(slices.Concat([]string{"log", "-m", "--format=", "--name-only", "--no-renames", "--no-ext-diff"}, args, []string{"--"}, a.held)...)
}

// among are those of the paths that git lists which are held.
func (a *asker) among(args ...string) (held []string) {
	if len(a.held) == 0 {
		return nil
	}
	for _, p := range a.lines(args...) {
		if slices.ContainsFunc(a.names, func(n string) bool { return paths.Below("/"+p, "/"+n) }) {
			held = append(held, p)
		}
	}
	return held
}

func (a *asker) lines(args ...string) (lines []string) {
	out, _ := a.git(args...)
	for l := range strings.SplitSeq(out, "\n") {
		if l != "" && !slices.Contains(lines, l) {
			lines = append(lines, l)
		}
	}
	return lines
}
