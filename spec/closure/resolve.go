package closure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/jailed-claude/jailed-claude/spec/agent"
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
// a Nix program that failed for its own reasons is a *CommandError.
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
	listed *inventory
	// roots and parts are parallel to what was asked for: store paths in
	// their order, and what their closures hold.
	roots []string
	parts []*inventory
	// requests are what was asked for, the agent first.
	requests []Request
}

// agent is where the agent is: a file of the host, or in a store path.
type candidate struct {
	// file is the program; empty means the program of roots.
	file string
	// roots are the store paths of the package; empty for a host file.
	roots []string
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
		parts = append([]*inventory{r.listed}, parts...)
	}
	all := union(parts)
	c := &Closure{Toolchain: Nix, Paths: all.paths}
	var err error
	switch {
	case a.file != "":
		c.Agent = a.file
		if !all.isProgram(a.file) {
			return nil, r.notProgram(all, a.file)
		}
	case len(a.roots) > 0:
		if c.Agent, err = r.programOf(all, a.roots); err != nil {
			return nil, err
		}
	case r.listed != nil:
		_, bins := r.listed.binDirs(nil)
		for _, b := range bins {
			if r.listed.isProgram(b + "/" + r.program) {
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
func (c *Closure) fill(all *inventory) error {
	first, rest := all.binDirs(c.Roots)
	c.Bins = append(first, rest...)
	c.Shell = pick(c.Bins, all.sh, "sh")
	c.Bash = pick(c.Bins, all.bash, "bash")
	c.Env = pick(c.Bins, all.env, "env")
	return all.addLinks(c)
}

// FromPaths makes a closure of store paths that are known already: no Nix
// program runs, nothing is searched and nothing cached. Paths are the whole
// closure, roots and agent what Closure says of them; agent may be empty. An
// *Error with ErrMissing names the first path that is not on disk.
func FromPaths(paths, roots []string, program string) (*Closure, error) {
	c := &Closure{Toolchain: Nix, Agent: program, Roots: unique(roots), Paths: slices.Sorted(slices.Values(paths))}
	for _, p := range c.Paths {
		if err := CheckPath(p); err != nil {
			return nil, err
		}
	}
	c.Paths = slices.Compact(c.Paths)
	for _, root := range c.Roots {
		if _, ok := slices.BinarySearch(c.Paths, root); !ok {
			return nil, &Error{What: fmt.Sprintf("store path %q is not in its own closure", root), Err: ErrNotInClosure}
		}
	}
	all, err := takeInventory(c.Paths, "")
	if err != nil {
		return nil, err
	}
	if program != "" && !all.isProgram(program) {
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

func (r *resolver) notProgram(v *inventory, file string) error {
	e := &Error{
		What: fmt.Sprintf("program %q is not an executable file", file),
		Fix:  "list what there is: ls -l " + filepath.Dir(file),
		Err:  fmt.Errorf("%w: %w", ErrNoProgram, fs.ErrPermission),
	}
	if _, _, err := v.resolve(file); errors.Is(err, fs.ErrNotExist) {
		e.What, e.Err = fmt.Sprintf("program %q does not exist", file), ErrNoProgram
	} else if errors.Is(err, errOutside) {
		e.What, e.Err = fmt.Sprintf("program %q leads out of its closure", file), ErrNoProgram
	}
	return e
}

// programOf is the agent's program in the package with these store paths,
// which are several when the package has several outputs.
//
// A package may name its program differently (meta.mainProgram knows, but
// only an evaluation could tell): the only executable of a package is taken.
func (r *resolver) programOf(v *inventory, roots []string) (string, error) {
	var names []string
	var only string
	for _, root := range roots {
		if p := root + "/bin/" + r.program; v.isProgram(p) {
			return p, nil
		}
		if v.isProgram(root) {
			return root, nil
		}
		if !slices.Contains(v.bins, root) {
			continue
		}
		l, err := v.programs(root)
		if err != nil {
			return "", err
		}
		for _, n := range l {
			only = root + "/bin/" + n
		}
		names = append(names, l...)
	}
	if len(names) == 1 && r.program == defaultProgram() {
		return only, nil
	}
	if r.NoAgent {
		return "", nil
	}
	const most = 20
	what := fmt.Sprintf("package %q has no bin/%s", roots[0], r.program)
	switch n := len(names); {
	case n == 0:
		return "", &Error{What: what + " and no other program", Fix: "name a package that has one", Err: ErrNoAgent}
	case n > most:
		names = append(names[:most], fmt.Sprintf("… (%d in all)", n))
	}
	return "", &Error{
		What: what + "; it has: " + strings.Join(names, " "),
		Fix:  "name the program in it: --package " + only,
		Err:  ErrNoAgent,
	}
}

// findAgent decides where the agent comes from.
func (r *resolver) findAgent(ctx context.Context) (candidate, error) {
	switch k, p := r.kind(r.Package); k {
	case kindNone:
		if r.listed != nil {
			return candidate{}, nil
		}
		return r.onPath()
	case kindHost:
		if r.listed != nil {
			return candidate{}, &Error{
				What: fmt.Sprintf("package %q and a closure file contradict each other", Host),
				Fix:  "leave out one of the two",
				Err:  ErrBadPackage,
			}
		}
		return r.onPath()
	case kindStore:
		return storeAgent(p)
	case kindInstallable:
		if r.listed != nil {
			return candidate{}, r.needsNix(p)
		}
		roots, err := r.build(ctx, p)
		return candidate{roots: roots}, err
	case kindPath:
		return r.fileAgent(p)
	default:
		return candidate{}, r.badPackage(p)
	}
}

func storeAgent(p string) (candidate, error) {
	root, rest, err := Split(p)
	if err != nil {
		return candidate{}, err
	}
	a := candidate{roots: []string{root}}
	if rest != "" {
		a.file = root + "/" + rest
	}
	return a, nil
}

// fileAgent is the agent given as a path outside the store.
func (r *resolver) fileAgent(p string) (candidate, error) {
	real, fi, err := realPath(p)
	if err != nil {
		return candidate{}, noProgram(p, "does not exist")
	}
	switch {
	case inStore(real):
		return storeAgent(real)
	case r.listed != nil:
		return candidate{}, &Error{
			What: fmt.Sprintf("program %q is not in the store, so it is not in closure file %q", p, r.ClosureFile),
			Fix:  "leave out the closure file, or name a store path that is in it",
			Err:  ErrNotInClosure,
		}
	case fi.IsDir():
		return candidate{}, noProgram(p, "is a folder")
	case !executable(real):
		return candidate{}, noProgram(p, "is not executable")
	}
	return candidate{file: real}, nil
}

func noProgram(p, why string) error {
	e := &Error{What: fmt.Sprintf("no such program: %q %s", p, why), Err: ErrNoProgram}
	switch why {
	case "is not executable":
		e.Fix = "make it so: chmod +x " + p
		e.Err = fmt.Errorf("%w: %w", ErrNoProgram, fs.ErrPermission)
	case "is a folder":
		e.Fix = "name a program in it, or path:" + p + " if it is a flake"
	default:
		e.Fix = "check the path: ls -l " + p
	}
	return e
}

// onPath is the first program of its name on PATH.
func (r *resolver) onPath() (candidate, error) {
	for _, file := range lookAll(r.Path, r.program) {
		real, _, err := realPath(file)
		if err != nil || real == r.Self {
			continue
		}
		if !inStore(real) {
			return candidate{file: real}, nil
		}
		return storeAgent(real)
	}
	if r.NoAgent {
		return candidate{}, nil
	}
	return candidate{}, &Error{
		What: fmt.Sprintf("no program %q on PATH", r.program),
		Fix:  "install it, or name one with --package: a store path, an installable such as nixpkgs#claude-code, or the path of a program",
		Err:  ErrNoAgent,
	}
}

// packageRoots are the store paths of an extra package.
func (r *resolver) packageRoots(ctx context.Context, p string) ([]string, error) {
	switch k, q := r.kind(p); k {
	case kindStore:
		root, _, err := Split(q)
		return []string{root}, err
	case kindInstallable:
		if r.listed != nil && !r.Baked {
			return nil, r.needsNix(q)
		}
		return r.build(ctx, q)
	case kindPath:
		real, _, err := realPath(q)
		if err != nil {
			return nil, noProgram(q, "does not exist")
		}
		if inStore(real) {
			root, _, err := Split(real)
			return []string{root}, err
		}
	}
	return nil, r.badPackage(p)
}

func (r *resolver) needsNix(p string) error {
	return &Error{
		What: fmt.Sprintf("package %q is a Nix installable, and with a closure file Nix is not asked", p),
		Fix:  "name a store path of closure file " + r.ClosureFile + ", or leave out the closure file",
		Err:  ErrNotInClosure,
	}
}

func (r *resolver) badPackage(p string) error {
	e := &Error{
		What: fmt.Sprintf("package %q is not a store path, an installable or a path", p),
		Fix:  "installables have a #, paths have a /",
		Err:  ErrBadPackage,
	}
	if attr.Get().MatchString(p) {
		e.Fix = fmt.Sprintf("perhaps nixpkgs#%s, or ./%s", p, p)
	}
	return e
}

// add makes root and its closure part of the answer. More says that it is not
// the agent's.
func (r *resolver) add(ctx context.Context, root string, more bool) error {
	r.roots = append(r.roots, root)
	if r.listed != nil {
		if r.listed.has(root) {
			return nil
		}
		if !more || !r.Baked {
			return &Error{
				What: fmt.Sprintf("store path %q is not in closure file %q", root, r.ClosureFile),
				Fix:  "list its closure there: nix-store -qR " + root,
				Err:  ErrNotInClosure,
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
func (r *resolver) closureOf(ctx context.Context, root string) (*inventory, error) {
	c := cache{r.CacheDir}
	v := c.load(root)
	if v != nil {
		return v, v.checkPresent(root)
	}
	if _, err := os.Lstat(root); errors.Is(err, fs.ErrNotExist) {
		return nil, missing(root)
	}
	paths, err := r.requisites(ctx, root)
	if err != nil {
		return nil, err
	}
	if v, err = takeInventory(paths, root); err != nil {
		return nil, err
	}
	// A closure that cannot be kept is as good as one that can.
	if c.store(root, v) == nil {
		c.prune()
	}
	return v, nil
}

// maxClosureFile is far above any real one: 300 paths are 20 kB.
const maxClosureFile = 64 << 20

func (r *resolver) readClosureFile() (err error) {
	if r.Ahead != nil && r.Ahead.file == r.ClosureFile {
		r.listed, err = r.Ahead.read()
	} else {
		r.listed, err = readClosureFile(r.abs(r.ClosureFile))
	}
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return fmt.Errorf("closure file: %w", err) // which says its name
	}
	if err != nil {
		return fmt.Errorf("closure file %q: %w", r.ClosureFile, err)
	}
	return nil
}

// Ahead is a ClosureFile that is being read.
type Ahead struct {
	file string
	read func() (*inventory, error)
}

// ReadAhead begins to read the ClosureFile of o, if there is one, and to look
// into its store paths, for a caller who has something else to do before
// [Resolve]. That takes what was found, or the error.
func ReadAhead(o Options) *Ahead {
	if o.ClosureFile == "" {
		return nil
	}
	file := (&resolver{Options: o}).abs(o.ClosureFile)
	read := sync.OnceValues(func() (*inventory, error) { return readClosureFile(file) })
	go func() { _, _ = read() }()
	return &Ahead{o.ClosureFile, read}
}

func readClosureFile(file string) (*inventory, error) {
	if fi, err := os.Stat(file); err == nil && fi.IsDir() {
		file = filepath.Join(file, "registration")
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxClosureFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxClosureFile {
		return nil, fmt.Errorf("larger than %d MiB", maxClosureFile>>20)
	}
	paths, err := ParseFile(data)
	if err != nil {
		return nil, err
	}
	return takeInventory(paths, "")
}
