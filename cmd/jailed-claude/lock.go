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
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

func newLock() *cobra.Command {
	var f jailFlags
	var update bool
	c := &cobra.Command{
		Use:   "lock [flags] [--update [NAME...]]",
		Short: "Pin the project's jail: its store paths, what is in them, its policy",
		Long: `Write .jailed-claude.lock: which store paths the agent and the packages of the
project's policy are, the NAR hash of every path of the closure, the digest of the
policy, and that of the portable specification. Keep it in the repository: from
then on everyone's agent runs in the same jail, without asking Nix what a package
is, and "run" refuses where anything differs.

A lock that is there is not changed without --update. With NAME (a package as
the policy has it, what follows its #, or "agent") only that package moves on.

The lock follows from the project's policy and the defaults, not from your own
policy, which applies on top for yourself.`,
		Example: `  jailed-claude lock
  jailed-claude lock --package nixpkgs#claude-code
  jailed-claude lock --update             # everything moves on
  jailed-claude lock --update nodejs      # this package does
  jailed-claude lock --closure result/registration`,
		RunE: func(c *cobra.Command, names []string) error {
			if len(names) > 0 && !update {
				return hint(fmt.Errorf("unexpected argument %q", names[0]), "to move a package on: jailed-claude lock --update "+shellQuote(names[0]))
			}
			return f.lock(c, update, names)
		},
	}
	f.registerTeam(c)
	c.Flags().StringVar(&f.pkg, "package", "", "the agent, where the policy names none: a store path or a Nix installable")
	c.Flags().StringVar(&f.closure, "closure", "", "take the closure from `FILE`: one store path a line, or a Nix registration")
	c.Flags().BoolVar(&update, "update", false, "replace the lock, and say what changed")
	return c
}

// registerTeam registers the flags of commands that are about what the project
// decides.
func (f *jailFlags) registerTeam(c *cobra.Command) {
	c.Flags().SortFlags = false
	c.Flags().StringVar(&f.project, "project", "", "the project `DIR` (default: the current folder)")
	c.Flags().StringVar(&f.policy, "policy", "", "the policy `FILE` in place of the project's; \"none\" for none")
}

func (f *jailFlags) lock(c *cobra.Command, update bool, names []string) error {
	t, err := f.teamwork(c)
	if err != nil {
		return err
	}
	file := filepath.Join(t.dir, lock.Name)
	old, _, err := lock.Read(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil && (!update || len(names) > 0 || !errors.Is(err, lock.ErrFormat)):
		return f.unreadable(err)
	}
	if old == nil && len(names) > 0 {
		return hint(fmt.Errorf("there is no lock in %q to update", t.dir), "to write it: "+f.command("lock"))
	}
	in, err := f.lockInput(c, t, old, update, names)
	if err != nil {
		return err
	}
	l, err := lock.New(c.Context(), *in, lock.Options{Progress: hashProgress(c, "hash")})
	if err != nil {
		return err
	}
	out := c.OutOrStdout()
	if old != nil {
		changes := lock.Changes(old, l)
		switch {
		case len(changes) == 0:
			fmt.Fprintf(c.ErrOrStderr(), "jailed-claude: %s is up to date\n", lock.Name)
			return nil
		case !update:
			text := fmt.Sprintf("lock %q is there already, and what is wanted now differs:", file)
			for _, line := range changes {
				text += "\n  " + visible(line)
			}
			return hint(errors.New(text), "to replace it: "+f.command("lock --update"))
		}
		for _, line := range changes {
			fmt.Fprintln(out, visible(line))
		}
	}
	if err := lock.Write(file, l); err != nil {
		return err
	}
	// Who writes a lock means it. (Where approvals cannot be kept, --locked
	// is for.)
	if err := trustStore().Approve(lockFile(file, l.Render()), time.Now()); err != nil {
		fmt.Fprintf(c.ErrOrStderr(), "jailed-claude: warning: %v\n", err)
	}
	if old == nil {
		for _, line := range lockLines(l) {
			fmt.Fprintln(out, strings.TrimSpace(line))
		}
	}
	fmt.Fprintf(c.ErrOrStderr(), "jailed-claude: wrote %s; add it to the repository\n", visible(file))
	return nil
}

// request is one package of a lock: kept as it was, or asked for anew.
type request struct {
	name string
	// kept are its paths where it stays.
	kept []string
}

// lockInput finds out what the agent and the packages are. Without update, and
// with the names of others, what is locked already stays.
func (f *jailFlags) lockInput(c *cobra.Command, t *teamwork, old *lock.Lock, update bool, names []string) (*lock.Input, error) {
	o := t.options(f)
	if old != nil && o.Package == "" && o.ClosureFile == "" {
		o.Package = old.Agent.Package
	}
	in := &lock.Input{Known: map[string]lock.Path{}}
	if old != nil {
		in.Known = old.Known()
	}
	if err := registered(in.Known, o.ClosureFile); err != nil {
		return nil, err
	}
	requests := []request{{name: o.Package}}
	for _, p := range t.team.Agent.Packages {
		requests = append(requests, request{name: p})
	}
	if old != nil && f.closure == "" && (!update || len(names) > 0) {
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
	o.Packages = nil
	of := []int{0} // which request each of Resolve's is
	for i, r := range requests {
		switch {
		case i == 0 && len(r.kept) > 0:
			o.Package = old.Agent.Program
			o.ClosureFile, o.Baked = "", false
			for _, p := range r.kept {
				if !strings.HasPrefix(old.Agent.Program, p+"/") && old.Agent.Program != p { // another output
					o.Packages, of = append(o.Packages, p), append(of, i)
				}
			}
		case i > 0 && len(r.kept) > 0:
			for _, p := range r.kept {
				o.Packages, of = append(o.Packages, p), append(of, i)
			}
		case i > 0:
			o.Packages, of = append(o.Packages, r.name), append(of, i)
		}
	}
	if in.Paths == nil {
		cl, found, err := closure.ResolveRequests(c.Context(), o)
		if err != nil {
			return nil, err
		}
		if cl.Toolchain != closure.Nix {
			return nil, hostToolchain(spec.ErrHostToolchain)
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
			return hint(fmt.Errorf("the policy asks for no package %q", n), "known are: "+visible(strings.Join(known, ", ")))
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
	regs, err := closure.ParseRegistration(text)
	if errors.As(err, new(*closure.ParseError)) {
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
