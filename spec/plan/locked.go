package plan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/bundle/lock"
	"github.com/jailed-claude/jailed-claude/internal/digest"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/portable"
	"github.com/jailed-claude/jailed-claude/spec/trust"
)

// locked is the closure of the project's lock; nil if there is none or it shall
// be ignored. The first thing that differs from what is wanted is an error.
func (o *Options) locked(dir string, ps policies) (*closure.Closure, Warnings, error) {
	given := o.Locked != nil
	if given && !*o.Locked {
		return nil, nil, nil
	}
	file := filepath.Join(dir, lock.Name)
	l, text, err := lock.Read(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !given:
		return nil, nil, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, hint.Add(err, "to write it: "+o.commandLine("lock"))
	case err != nil:
		return nil, nil, o.unreadable(err)
	case o.Closure != "":
		return nil, nil, hint.Add(fmt.Errorf("--closure cannot be used with the lock %q", file), ignoreLock)
	}
	// What the flags name is not of the team, but they must not be overruled.
	if o.Package != "" && o.Package != l.Agent.Package && o.Package != l.Agent.Program && !slices.Contains(l.Agent.Paths, o.Package) {
		return nil, nil, o.refuse(file, lock.Difference{Kind: lock.OtherPackage, Expected: l.Agent.Package, Actual: o.Package})
	}
	now, err := wantedOf(ps.team)
	if err != nil {
		return nil, nil, err
	}
	if differences := l.Check(now, o.Version); len(differences) > 0 {
		return nil, nil, o.refuse(file, differences[0])
	}
	var warnings Warnings
	if !given && !o.Look && !TrustStore(&warnings).Lookup(LockFile(file, text)) {
		return nil, warnings, o.unapproved(file, l)
	}
	cl, err := lockedClosure(l)
	if err != nil {
		return nil, warnings, refuseClosure(file, err)
	}
	pinned, err := specDigest(ps.team, cl)
	if err != nil {
		return nil, warnings, err
	}
	if d := l.CheckSpec(pinned); d != nil {
		return nil, warnings, o.refuse(file, *d)
	}
	if o.Origin != nil {
		o.Origin.Lock = text
	}
	for _, p := range ps.all.Agent.Packages {
		if !slices.Contains(ps.team.Agent.Packages, p) {
			warnings.add("package %q of your own policy is left out: the project's lock decides (%s)", p, ignoreLock)
		}
	}
	return cl, warnings, nil
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
	text, err := portableSpec(team, cl)
	return digest.Of(text), err
}

const ignoreLock = "to ignore the lock: --locked=false"

func (o *Options) unreadable(err error) error {
	var at *lock.ParseError
	switch {
	case errors.As(err, &at) && at.Newer:
		return hint.Add(err, "install a newer jailed-claude", ignoreLock)
	case errors.Is(err, lock.ErrFormat):
		return hint.Add(err, "undo the change, or write it again: "+o.commandLine("lock --update"), ignoreLock)
	}
	return hint.Add(err, ignoreLock)
}

// refuse names what differs, where, and what to do about it.
func (o *Options) refuse(file string, d lock.Difference) error {
	return hint.Add(fmt.Errorf("lock %q: %w", file, d), o.advice(d), ignoreLock)
}

// advice is what mends a difference.
func (o *Options) advice(d lock.Difference) string {
	switch d.Kind {
	case lock.ToolVersion:
		return "install jailed-claude " + d.Expected
	case lock.OtherSystem:
		return "a lock is for one kind of machine; to write one for this machine: " + o.commandLine("lock --update")
	case lock.Missing:
		return "fetch or build it: nix-store --realise " + d.Name
	case lock.Changed, lock.Unreadable:
		return "fetch it again, as root: nix-store --repair-path " + d.Name
	}
	return "to lock what is wanted now: " + o.commandLine("lock --update")
}

// refuseClosure is refuse for a path that is not there.
func refuseClosure(file string, err error) error {
	var cl *closure.Error
	if !errors.As(err, &cl) {
		return err
	}
	return hint.Add(fmt.Errorf("lock %q: %w", file, errors.New(cl.What)), cl.Fix, ignoreLock)
}

// LockFile is a lock as the trust store knows it. A lock picks the programs of
// a jail, as agent.package of a policy does, so it is approved as one.
func LockFile(file string, text []byte) *trust.File {
	return &trust.File{Path: file, Text: text, Digest: trust.Digest(text)}
}

// lockPath is where the lock of a project is.
func lockPath(dir string) (string, error) {
	p, err := trust.Path(dir)
	return filepath.Join(filepath.Dir(p), lock.Name), err
}

func (o *Options) unapproved(file string, l *lock.Lock) error {
	text := fmt.Sprintf("this project has a lock, %q, which picks the programs of the jail, and nobody has approved it:", file)
	return hint.Add(errors.New(strings.Join(append([]string{text}, l.Summary()...), "\n")),
		"read it, then approve it: "+o.trustCommand(),
		"to use it this time only: --locked",
		ignoreLock)
}

// teamwork is what a lock and a portable specification follow from.
type teamwork struct {
	// dir is the project's folder.
	dir string
	policies
	facts *host.Facts
}

func (o *Options) teamwork(ctx context.Context) (*teamwork, Warnings, error) {
	p, err := trust.Path(o.Project)
	if err != nil {
		return nil, nil, err
	}
	t := &teamwork{dir: filepath.Dir(p)}
	var warnings Warnings
	if t.policies, warnings, err = o.merged(t.dir); err != nil {
		return nil, warnings, err
	}
	t.facts, err = host.Read(ctx, host.Options{ProjectDir: t.dir})
	return t, warnings, err
}

// options are how the team's closure is found: by its policy, and by what the
// command line names, not by the user's own policy.
func (t *teamwork) options(o *Options) closure.Options {
	p := t.team
	if o.Package != "" {
		p.Agent.Package = o.Package
	}
	return onHost(o.closureOptions(p), t.facts)
}

// Portable is the jail of a project without the host and the user's own policy
// (portable.Spec).
func Portable(ctx context.Context, o Options) ([]byte, Warnings, error) {
	if err := o.One("spec --portable"); err != nil {
		return nil, nil, err
	}
	team, cl, warnings, err := o.teamClosure(ctx)
	if err != nil {
		return nil, warnings, err
	}
	text, err := portableSpec(team, cl)
	return text, warnings, err
}

// Image is the jail of a project as an OCI image holds it (portable.Image), and
// the closure in it. The user's own policy is not part of it.
func Image(ctx context.Context, o Options) (*contract.Jail, *closure.Closure, Warnings, error) {
	team, cl, warnings, err := o.teamClosure(ctx)
	if err != nil {
		return nil, nil, warnings, err
	}
	j, err := portable.Image(team, *cl)
	if errors.Is(err, portable.ErrHostToolchain) {
		err = hostToolchain(err)
	}
	return j, cl, warnings, err
}

// teamClosure is the team's policy, and the closure as a lock has it.
func (o Options) teamClosure(ctx context.Context) (policy.Policy, *closure.Closure, Warnings, error) {
	o.NoAgent, o.Look = false, true
	t, warnings, err := o.teamwork(ctx)
	if err != nil {
		return policy.Policy{}, nil, warnings, err
	}
	cl, more, err := o.locked(t.dir, policies{all: t.team, team: t.team})
	warnings = append(warnings, more...)
	if err == nil && cl == nil {
		var found *closure.Closure
		if found, err = closure.Resolve(ctx, t.options(&o)); err == nil && found.Toolchain == closure.Nix {
			cl, err = closure.FromPaths(found.Paths, found.Roots, found.Agent)
		} else {
			cl = found
		}
	}
	return t.team, cl, warnings, err
}

func portableSpec(team policy.Policy, cl *closure.Closure) ([]byte, error) {
	text, err := portable.Spec(team, *cl)
	if errors.Is(err, portable.ErrHostToolchain) {
		return nil, hostToolchain(err)
	}
	return text, err
}

func hostToolchain(err error) error {
	return hint.Add(err, "name a package of Nix: --package nixpkgs#claude-code, or package under [agent] in the policy")
}

// teamAsRead is the team's policy, approved or not: nothing of it applies.
func (o *Options) teamAsRead(dir string) (policy.Policy, error) {
	if o.Policy != "" {
		own, err := o.namedLayer()
		if err != nil {
			return policy.Policy{}, err
		}
		return policy.Merge(own)
	}
	r, err := RequestOf(dir, filepath.Join(o.Project, trust.Name), nil)
	if err != nil || r == nil {
		return policy.Default(), err
	}
	return policy.Merge(r.Layer)
}
