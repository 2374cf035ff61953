package closure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/closure/inventory"
)

// defaultProgram is the name of the agent's program.
func defaultProgram() string { return agent.Default().Programs[0] }

// Options say what a jail shall be able to run. The zero value asks for the
// first "claude" on an empty PATH, which no one finds.
type Options struct {
	// Package is what the agent is in. One of:
	//
	//	/nix/store/HASH-NAME             a store path; its bin/PROGRAM
	//	/nix/store/HASH-NAME/bin/claude  a program in one
	//	nixpkgs#claude-code, .#x, path:… a Nix installable, built now
	//	./claude, /opt/x/claude, ~/x     a program outside the store, or a
	//	                                 link that leads into it (./result)
	//	codex                            a program on Path
	//	host                             PROGRAM on Path, with the host's
	//	                                 own toolchain
	//
	// Empty means: the agent of ClosureFile if there is one, else PROGRAM
	// on Path.
	Package string
	// Packages are more store paths, installables or links into the store,
	// whose closures join.
	Packages []string

	// ClosureFile lists the store paths (one a line, or a registration; or
	// closureInfo's folder, which has both). No Nix program is run then, and
	// Package and Packages must be in it.
	ClosureFile string
	// Ahead is ClosureFile, if that is being read already ([ReadAhead]).
	Ahead *Ahead
	// Baked: ClosureFile came with the installation (the flake's wrapper),
	// not from the caller, so Packages may go beyond it and ask Nix.
	Baked bool

	// Program is the agent's program; empty means that of agent.Default.
	Program string
	// NoAgent: a jail without an agent is fine (a shell only). The agent is
	// looked for all the same.
	NoAgent bool

	// Path is the caller's PATH. The agent, Nix and node are looked up in it.
	Path string
	// Never are folders, resolved, in which Nix is not looked up, nor what it runs
	// itself: what the jail may write.
	Never []string
	// Home is the caller's home, absolute: for "~/", and because it is never
	// bound as a whole.
	Home string
	// Dir is the folder that relative names and installables are relative
	// to; empty means the current one.
	Dir string
	// Self is the real path of this very program, which is never taken for
	// the agent: it may be installed under the agent's name.
	Self string
	// CacheDir is the caller's cache folder of jailed-claude; closures are
	// kept in its folder closure. Empty means no cache.
	CacheDir string
	// Progress receives what Nix says while it builds or downloads; may be
	// nil.
	Progress io.Writer
}

// Resolve finds all that the agent and the extra packages need.
//
// Errors of the caller's making are *Error with a sentinel of this package;
// a Nix program that failed for its own reasons is a *commandError.
func Resolve(ctx context.Context, o Options) (*Closure, error) {
	c, _, err := ResolveRequests(ctx, o)
	return c, err
}

// ResolveRequests is Resolve, and says what each package that was asked for
// became: the agent's first (whose Package is empty where none was named), then
// the others in order. That is what a lock keeps.
func ResolveRequests(ctx context.Context, o Options) (*Closure, []Request, error) {
	r := &resolver{Options: o, program: o.Program}
	if r.program == "" {
		r.program = defaultProgram()
	}
	c, err := r.run(ctx)
	return c, r.requests, err
}

type resolver struct {
	Options
	program string

	// listed is the content of ClosureFile; nil without one.
	listed *inventory.Inventory
	// roots and parts are parallel to what was asked for: store paths in
	// their order, and what their closures hold.
	roots []string
	parts []*inventory.Inventory
	// requests are what was asked for, the agent first.
	requests []Request
}

// candidate is where the agent is: a file of the host, or in a store path.
type candidate struct {
	// file is the program; empty means the program of roots.
	file string
	// roots are the store paths of the package; empty for a host file.
	roots []string
	// name is what a host file was asked for as.
	name string
}

func (r *resolver) run(ctx context.Context) (*Closure, error) {
	if r.ClosureFile != "" {
		if err := r.readClosureFile(); err != nil {
			return nil, err
		}
	}
	a, err := r.findAgent(ctx)
	if err != nil {
		return nil, err
	}
	host := r.Package == Host || a.file != "" && len(a.roots) == 0
	r.requests = []Request{{Package: r.Package, Roots: a.roots}}
	for _, root := range a.roots {
		if err := r.add(ctx, root, false); err != nil {
			return nil, err
		}
	}
	for _, p := range r.Packages {
		roots, err := r.packageRoots(ctx, p)
		if err != nil {
			return nil, err
		}
		r.requests = append(r.requests, Request{Package: p, Roots: roots})
		for _, root := range roots {
			if err := r.add(ctx, root, true); err != nil {
				return nil, err
			}
		}
	}
	if host || len(r.roots) == 0 && r.listed == nil {
		return r.host(ctx, a)
	}
	return r.nix(a)
}

// nix makes the closure when everything comes out of the store.
func (r *resolver) nix(a candidate) (*Closure, error) {
	parts := r.parts
	if r.listed != nil {
		parts = append([]*inventory.Inventory{r.listed}, parts...)
	}
	all := inventory.Union(parts)
	c := &Closure{Toolchain: Nix, Paths: all.Paths}
	var err error
	switch {
	case a.file != "":
		c.Agent = a.file
		if !all.IsProgram(a.file) {
			return nil, r.notProgram(all, a.file)
		}
	case len(a.roots) > 0:
		if c.Agent, err = r.programOf(all, a.roots); err != nil {
			return nil, err
		}
	case r.listed != nil:
		_, bins := r.listed.BinDirs(nil)
		for _, b := range bins {
			if r.listed.IsProgram(b + "/" + r.program) {
				c.Agent = b + "/" + r.program
				root := strings.TrimSuffix(b, "/bin")
				r.roots = append([]string{root}, r.roots...)
				r.requests[0].Roots = []string{root}
				break
			}
		}
		if c.Agent == "" && !r.NoAgent {
			return nil, &Error{
				What: fmt.Sprintf("closure file %q lists no path with bin/%s", r.ClosureFile, r.program),
				Fix:  "add the agent's closure to it, or name the agent with --package",
				Err:  ErrNoAgent,
			}
		}
	}
	c.Roots = unique(r.roots)
	return c, c.fill(all)
}

// fill is what a closure says of the paths that it has.
func (c *Closure) fill(all *inventory.Inventory) error {
	first, rest := all.BinDirs(c.Roots)
	c.Bins = append(first, rest...)
	c.Shell = inventory.Pick(c.Bins, all.Sh, "sh")
	c.Bash = inventory.Pick(c.Bins, all.Bash, "bash")
	c.Env = inventory.Pick(c.Bins, all.Env, "env")
	links, err := all.Targets()
	if len(links) > 0 {
		c.Links = links
	}
	return err
}

// FromPaths makes a closure of store paths that are known already: no Nix
// program runs, nothing is searched and nothing cached. Paths are the whole
// closure, roots and agent what Closure says of them; agent may be empty. An
// *Error with errMissing names the first path that is not on disk.
func FromPaths(paths, roots []string, program string) (*Closure, error) {
	c := &Closure{Toolchain: Nix, Agent: program, Roots: unique(roots), Paths: slices.Sorted(slices.Values(paths))}
	for _, p := range c.Paths {
		if err := checkPath(p); err != nil {
			return nil, err
		}
	}
	c.Paths = slices.Compact(c.Paths)
	for _, root := range c.Roots {
		if _, ok := slices.BinarySearch(c.Paths, root); !ok {
			return nil, &Error{What: fmt.Sprintf("store path %q is not in its own closure", root), Err: errNotInClosure}
		}
	}
	all, err := inventory.Take(c.Paths, "")
	if err != nil {
		return nil, known(err)
	}
	if program != "" && !all.IsProgram(program) {
		return nil, (&resolver{}).notProgram(all, program)
	}
	return c, c.fill(all)
}

// unique drops doubles and keeps the order.
func unique(l []string) []string {
	var u []string
	for _, s := range l {
		if !slices.Contains(u, s) {
			u = append(u, s)
		}
	}
	return u
}

// add makes root and its closure part of the answer. More says that it is not
// the agent's.
func (r *resolver) add(ctx context.Context, root string, more bool) error {
	r.roots = append(r.roots, root)
	if r.listed != nil {
		if r.listed.Has(root) {
			return nil
		}
		if !more || !r.Baked {
			return &Error{
				What: fmt.Sprintf("store path %q is not in closure file %q", root, r.ClosureFile),
				Fix:  "list its closure there: nix-store -qR " + root,
				Err:  errNotInClosure,
			}
		}
	}
	v, err := r.closureOf(ctx, root)
	if err != nil {
		return err
	}
	r.parts = append(r.parts, v)
	return nil
}

// closureOf is the closure of one store path: from the cache, or from Nix.
func (r *resolver) closureOf(ctx context.Context, root string) (*inventory.Inventory, error) {
	c := inventory.Cache{Dir: r.CacheDir}
	v := c.Load(root)
	if v != nil {
		return v, known(v.CheckPresent(root))
	}
	if _, err := os.Lstat(root); errors.Is(err, fs.ErrNotExist) {
		return nil, missing(root)
	}
	paths, err := r.requisites(ctx, root)
	if err != nil {
		return nil, err
	}
	if v, err = inventory.Take(paths, root); err != nil {
		return nil, known(err)
	}
	// A closure that cannot be kept is as good as one that can.
	if c.Store(root, v) == nil {
		c.Prune()
	}
	return v, nil
}
