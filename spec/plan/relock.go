package plan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/bundle/lock"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/closure/registration"
	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/portable"
)

// Update says what of a lock that is there moves on.
type Update struct {
	// On replaces the lock; without it everything stays as it is locked.
	On bool
	// Names are the packages that move on; none means all.
	Names []string
	// Progress is told how many bytes are hashed. It may be nil.
	Progress func(done, total int64)
}

// Relocked is what Relock made.
type Relocked struct {
	// File is where the lock belongs.
	File string
	// Old is the lock that is there, or nil.
	Old, New *lock.Lock
}

// Relock makes the lock of what is wanted now. It writes nothing.
func Relock(ctx context.Context, o Options, u Update) (*Relocked, Warnings, error) {
	t, warnings, err := o.teamwork(ctx)
	if err != nil {
		return nil, warnings, err
	}
	r := &Relocked{File: filepath.Join(t.dir, lock.Name)}
	r.Old, _, err = lock.Read(r.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil && (!u.On || len(u.Names) > 0 || !errors.Is(err, lock.ErrFormat)):
		return nil, warnings, o.unreadable(err)
	}
	if r.Old == nil && len(u.Names) > 0 {
		return nil, warnings, hint.Add(fmt.Errorf("there is no lock in %q to update", t.dir), "to write it: "+o.commandLine("lock"))
	}
	in, err := o.lockInput(ctx, t, r.Old, u.On, u.Names)
	if err != nil {
		return nil, warnings, err
	}
	r.New, err = lock.New(ctx, *in, lock.Options{Progress: u.Progress})
	return r, warnings, err
}

// RefuseChanges is the error where a lock would change and must not.
func (o *Options) RefuseChanges(file string, changes []string) error {
	var text strings.Builder
	fmt.Fprintf(&text, "lock %q already exists, and differs from what is wanted now:", file)
	for _, line := range changes {
		text.WriteString("\n  " + show.Visible(line))
	}
	return hint.Add(errors.New(text.String()), "to replace it: "+o.commandLine("lock --update"))
}

// request is one package of a lock: kept as it was, or asked for anew.
type request struct {
	name string
	// kept are its paths where it stays.
	kept []string
}

// lockInput finds out what the agent and the packages are. Without update, and
// with the names of others, what is locked already stays.
func (o *Options) lockInput(ctx context.Context, t *teamwork, old *lock.Lock, update bool, names []string) (*lock.Input, error) {
	c := t.options(o)
	if old != nil && c.Package == "" && c.ClosureFile == "" {
		c.Package = old.Agent.Package
	}
	in := &lock.Input{Known: map[string]lock.Path{}}
	if old != nil {
		in.Known = old.Known()
	}
	if err := registered(in.Known, c.ClosureFile); err != nil {
		return nil, err
	}
	requests := []request{{name: c.Package}}
	for _, p := range t.team.Agent.Packages {
		requests = append(requests, request{name: p})
	}
	if old != nil && o.Closure == "" && (!update || len(names) > 0) {
		if err := keep(requests, old, names); err != nil {
			return nil, err
		}
	}
	kept := 0
	for _, r := range requests {
		if len(r.kept) > 0 {
			kept++
		}
	}
	if old != nil && kept == len(requests) {
		in.Agent.Program = old.Agent.Program
		if len(old.Packages) == len(requests)-1 {
			in.Paths = old.StorePaths()
		}
	}

	// Packages that stay are asked for by their store paths, so that Nix is
	// asked for their closures alone.
	c.Packages = nil
	of := []int{0} // which request each of Resolve's is
	for i, r := range requests {
		switch {
		case i == 0 && len(r.kept) > 0:
			c.Package = old.Agent.Program
			c.ClosureFile, c.Baked = "", false
			for _, p := range r.kept {
				if !strings.HasPrefix(old.Agent.Program, p+"/") && old.Agent.Program != p { // another output
					c.Packages, of = append(c.Packages, p), append(of, i)
				}
			}
		case i > 0 && len(r.kept) > 0:
			for _, p := range r.kept {
				c.Packages, of = append(c.Packages, p), append(of, i)
			}
		case i > 0:
			c.Packages, of = append(c.Packages, r.name), append(of, i)
		}
	}
	if in.Paths == nil {
		cl, found, err := closure.ResolveRequests(ctx, c)
		if err != nil {
			return nil, err
		}
		if cl.Toolchain != closure.Nix {
			return nil, hostToolchain(portable.ErrHostToolchain)
		}
		in.Agent.Program, in.Paths = cl.Agent, cl.Paths
		for k, i := range of {
			if len(requests[i].kept) == 0 {
				requests[i].kept = found[k].Roots
			}
		}
	}
	in.Agent.Package = requests[0].name
	if in.Agent.Program != "" {
		in.Agent.Paths = requests[0].kept
	}
	for _, r := range requests[1:] {
		in.Packages = append(in.Packages, lock.Package{Package: r.name, Paths: r.kept})
	}
	return in, pin(in, t.team)
}

// pin adds the digests to what is locked.
func pin(in *lock.Input, team policy.Policy) error {
	roots := slices.Clone(in.Agent.Paths)
	for _, p := range in.Packages {
		roots = append(roots, p.Paths...)
	}
	cl, err := closure.FromPaths(in.Paths, roots, in.Agent.Program)
	if err != nil {
		return err
	}
	if in.Spec, err = specDigest(team, cl); err != nil {
		return err
	}
	in.Policy, err = policy.Digest(team)
	return err
}

// keep lets those requests stay that the lock has and names does not move on.
func keep(requests []request, old *lock.Lock, names []string) error {
	used := map[string]bool{}
	moves := func(label ...string) bool {
		for _, n := range names {
			if slices.Contains(label, n) {
				used[n] = true
				return true
			}
		}
		return false
	}
	short := func(name string) string { return name[strings.LastIndexAny(name, "#/")+1:] }
	if r := &requests[0]; !moves("agent", r.name, short(r.name)) && r.name == old.Agent.Package && old.Agent.Program != "" {
		r.kept = old.Agent.Paths
	}
	for i := range requests[1:] {
		r := &requests[i+1]
		if moves(r.name, short(r.name)) {
			continue
		}
		for _, p := range old.Packages {
			if p.Package == r.name {
				r.kept = p.Paths
			}
		}
	}
	for _, n := range names {
		if !used[n] {
			known := []string{"agent"}
			for _, r := range requests[1:] {
				known = append(known, short(r.name))
			}
			return hint.Add(fmt.Errorf("the policy asks for no package %q", n), "known packages: "+show.Visible(strings.Join(known, ", ")))
		}
	}
	return nil
}

// registered adds what a closure file knows of hashes, if it is a registration.
// It is what Nix has in its database; "verify" tells whether it is true.
func registered(known map[string]lock.Path, file string) error {
	if file == "" {
		return nil
	}
	if fi, err := os.Stat(file); err == nil && fi.IsDir() {
		file = filepath.Join(file, "registration")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("closure file: %w", err)
	}
	regs, err := registration.ParseRegistration(text)
	if errors.As(err, new(*registration.ParseError)) {
		return nil // but a list of paths; whether it is a good one, Resolve says
	}
	for _, r := range regs {
		p, err := lock.Registered(r.Path, r.NarHash, r.NarSize)
		if err != nil {
			return fmt.Errorf("closure file %q: %w", file, err)
		}
		if _, ok := known[p.Path]; !ok {
			known[p.Path] = p
		}
	}
	return nil
}
