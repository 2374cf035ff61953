package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/bundle/lock"
	"github.com/jailed-claude/jailed-claude/internal/digest"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/trust"
)

// lockedFlag is --locked of every jail command.
const lockedFlag = "locked"

// locked is the closure of the project's lock; nil if there is none or it shall
// be ignored. The first thing that differs from what is wanted is an error.
func (f *jailFlags) locked(c *cobra.Command, dir string, ps policies, w wanted) (*closure.Closure, error) {
	given := c.Flags().Changed(lockedFlag)
	if given && !f.useLock {
		return nil, nil
	}
	file := filepath.Join(dir, lock.Name)
	l, text, err := lock.Read(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !given:
		return nil, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, hint(err, "to write it: "+f.command("lock"))
	case err != nil:
		return nil, f.unreadable(err)
	case f.closure != "":
		return nil, hint(fmt.Errorf("--closure and the lock %q contradict each other", file), ignoreLock)
	}
	// What the flags name is not of the team, but they must not be overruled.
	if f.pkg != "" && f.pkg != l.Agent.Package && f.pkg != l.Agent.Program && !slices.Contains(l.Agent.Paths, f.pkg) {
		return nil, f.refuse(file, lock.Difference{Kind: lock.OtherPackage, Expected: l.Agent.Package, Actual: f.pkg})
	}
	now, err := wantedOf(ps.team)
	if err != nil {
		return nil, err
	}
	if differences := l.Check(now, version); len(differences) > 0 {
		return nil, f.refuse(file, differences[0])
	}
	if !given && !w.look && !trustStore().Lookup(lockFile(file, text)) {
		return nil, f.unapproved(file, l)
	}
	cl, err := lockedClosure(l)
	if err != nil {
		return nil, f.refuseClosure(file, err)
	}
	pinned, err := specDigest(ps.team, cl)
	if err != nil {
		return nil, err
	}
	if d := l.CheckSpec(pinned); d != nil {
		return nil, f.refuse(file, *d)
	}
	for _, p := range ps.all.Agent.Packages {
		if !slices.Contains(ps.team.Agent.Packages, p) {
			fmt.Fprintf(c.ErrOrStderr(), "jailed-claude: warning: package %q of your own policy is left out: the project's lock decides (%s)\n", p, ignoreLock)
		}
	}
	return cl, nil
}

// wantedOf is what a team's policy wants of a lock.
func wantedOf(team policy.Policy) (lock.Wanted, error) {
	d, err := policy.Digest(team)
	return lock.Wanted{Package: team.Agent.Package, Packages: team.Agent.Packages, Policy: d}, err
}

// lockedClosure is the closure that was locked. No Nix program runs.
func lockedClosure(l *lock.Lock) (*closure.Closure, error) {
	return closure.FromPaths(l.StorePaths(), l.Roots(), l.Agent.Program)
}

// specDigest is what a lock pins of the jail that follows.
func specDigest(team policy.Policy, cl *closure.Closure) (string, error) {
	text, err := portable(team, cl)
	return digest.Of(text), err
}

const ignoreLock = "to ignore the lock: --locked=false"

// command is a command line for the same project and policy.
func (f *jailFlags) command(name string) string {
	s := "jailed-claude " + name
	if f.project != "" {
		s += " --project " + shellQuote(f.project)
	}
	if f.policy != "" {
		s += " --policy " + shellQuote(f.policy)
	}
	return s
}

func (f *jailFlags) unreadable(err error) error {
	var at *lock.ParseError
	switch {
	case errors.As(err, &at) && at.Newer:
		return hint(err, "install a newer jailed-claude", ignoreLock)
	case errors.Is(err, lock.ErrFormat):
		return hint(err, "take back what changed in it, or write it anew: "+f.command("lock --update"), ignoreLock)
	}
	return hint(err, ignoreLock)
}

// refuse names what differs, where, and what to do about it.
func (f *jailFlags) refuse(file string, d lock.Difference) error {
	return hint(fmt.Errorf("lock %q: %w", file, d), append(f.advice(d), ignoreLock)...)
}

// advice is what mends a difference.
func (f *jailFlags) advice(d lock.Difference) []string {
	switch d.Kind {
	case lock.ToolVersion:
		return []string{"install a jailed-claude that is " + d.Expected}
	case lock.OtherSystem:
		return []string{"a lock is for one kind of machine; to make it one for this: " + f.command("lock --update")}
	case lock.Missing:
		return []string{"fetch or build it: nix-store --realise " + d.Name}
	case lock.Changed, lock.Unreadable:
		return []string{"fetch it again, as root: nix-store --repair-path " + d.Name}
	}
	return []string{"to lock what is wanted now: " + f.command("lock --update")}
}

// refuseClosure is refuse for a path that is not there.
func (f *jailFlags) refuseClosure(file string, err error) error {
	var cl *closure.Error
	if !errors.As(err, &cl) {
		return err
	}
	return hint(fmt.Errorf("lock %q: %w", file, errors.New(cl.What)), cl.Fix, ignoreLock)
}

// lockFile is a lock as the trust store knows it. A lock picks the programs of
// a jail, as agent.package of a policy does, so it is approved as one.
func lockFile(file string, text []byte) *trust.File {
	return &trust.File{Path: file, Text: text, Digest: trust.Digest(text)}
}

func (f *jailFlags) unapproved(file string, l *lock.Lock) error {
	text := fmt.Sprintf("this project has a lock, %q, which picks the programs of the jail, and nobody has approved it:", file)
	approve := "jailed-claude trust"
	if f.project != "" {
		approve += " " + shellQuote(f.project)
	}
	return hint(errors.New(strings.Join(append([]string{text}, lockLines(l)...), "\n")),
		"look at it, then approve it: "+approve,
		"to take it at its word this time: --locked",
		ignoreLock)
}

// lockLines say what a lock picks.
func lockLines(l *lock.Lock) []string {
	const most = 50
	var lines []string
	if l.Agent.Program != "" {
		lines = append(lines, "  agent    "+visible(l.Agent.Program))
	}
	for _, p := range l.Packages {
		for _, path := range p.Paths {
			lines = append(lines, "  package  "+path+" for "+visible(p.Package))
		}
	}
	if n := len(lines) - most; n > 0 {
		lines = append(lines[:most], fmt.Sprintf("  … and %d more", n))
	}
	return append(lines, fmt.Sprintf("  closure  %d store paths", len(l.Paths)))
}

// approveLock is "trust" for the lock of a project, if it has one.
func approveLock(c *cobra.Command, dir string, yes bool, command string) (found bool, err error) {
	file, err := lockPath(dir)
	if err != nil {
		return false, err
	}
	l, text, err := lock.Read(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return true, err
	}
	out := c.OutOrStdout()
	approval := lockFile(file, text)
	fmt.Fprintf(out, "%s\nsha256 %s\n%s\n", visible(file), approval.Digest, strings.Join(lockLines(l), "\n"))
	store := trustStore()
	switch {
	case store.Lookup(approval):
		fmt.Fprintln(c.ErrOrStderr(), "jailed-claude: the lock is approved already")
		return true, nil
	case !yes && !isTerminal(os.Stdin):
		return true, hint(errors.New("nobody can be asked: standard input is no terminal"), "look at the lock, then approve it: "+command)
	case !yes && !confirmed(c, "approve the lock, with these programs? [y/N] "):
		return true, errors.New("not approved")
	}
	if err := store.Approve(approval, time.Now()); err != nil {
		return true, err
	}
	fmt.Fprintln(c.ErrOrStderr(), "jailed-claude: the lock is approved, until it changes")
	return true, nil
}

// lockPath is where the lock of a project is.
func lockPath(dir string) (string, error) {
	p, err := trust.Path(dir)
	return filepath.Join(filepath.Dir(p), lock.Name), err
}

// teamwork is what a lock and a portable specification follow from.
type teamwork struct {
	// dir is the project's folder.
	dir string
	policies
	facts *host.Facts
}

func (f *jailFlags) teamwork(c *cobra.Command) (*teamwork, error) {
	p, err := trust.Path(f.project)
	if err != nil {
		return nil, err
	}
	t := &teamwork{dir: filepath.Dir(p)}
	if t.policies, err = f.merged(t.dir); err != nil {
		return nil, err
	}
	t.facts, err = host.Read(c.Context(), host.Options{ProjectDir: t.dir})
	return t, err
}

// options are how the team's closure is found: by its policy, and by what the
// command line names, not by the user's own policy.
func (t *teamwork) options(f *jailFlags) closure.Options {
	p := t.team
	if f.pkg != "" {
		p.Agent.Package = f.pkg
	}
	return onHost(f.closureOptions(p, false), t.facts)
}

// printPortable is spec --portable.
func (f *jailFlags) printPortable(c *cobra.Command) error {
	t, err := f.teamwork(c)
	if err != nil {
		return err
	}
	cl, err := f.locked(c, t.dir, policies{all: t.team, team: t.team}, wanted{look: true})
	if err == nil && cl == nil {
		var found *closure.Closure
		if found, err = closure.Resolve(c.Context(), t.options(f)); err == nil && found.Toolchain == closure.Nix {
			// As a lock has it.
			cl, err = closure.FromPaths(found.Paths, found.Roots, found.Agent)
		} else {
			cl = found
		}
	}
	if err != nil {
		return err
	}
	text, err := portable(t.team, cl)
	if err != nil {
		return err
	}
	_, err = c.OutOrStdout().Write(text)
	return err
}

func portable(team policy.Policy, cl *closure.Closure) ([]byte, error) {
	text, err := spec.Portable(team, *cl)
	if errors.Is(err, spec.ErrHostToolchain) {
		return nil, hostToolchain(err)
	}
	return text, err
}

func hostToolchain(err error) error {
	return hint(err, "name a package of Nix: --package nixpkgs#claude-code, or package under [agent] in the policy")
}
