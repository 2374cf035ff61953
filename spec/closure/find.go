package closure

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/closure/inventory"
)

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
				Err:  errBadPackage,
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
	root, rest, err := split(p)
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
			Err:  errNotInClosure,
		}
	case fi.IsDir():
		return candidate{}, noProgram(p, "is a folder")
	case !executable(real):
		return candidate{}, noProgram(p, "is not executable")
	}
	return candidate{file: real, name: filepath.Base(p)}, nil
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
	if file := r.named(r.program); file != "" {
		real, _, err := realPath(file)
		if err != nil || inStore(real) {
			return storeAgent(real)
		}
		return candidate{file: real, name: r.program}, nil
	}
	if r.NoAgent {
		return candidate{}, nil
	}
	return candidate{}, r.noAgent()
}

// noAgent says how the agent is installed, and which others could run instead of
// the default one.
func (r *resolver) noAgent() *Error {
	e := &Error{
		What: fmt.Sprintf("no program %q on PATH", r.program),
		Fix:  "install it, or name one with --package: a store path, an installable, or the path of a program",
		Err:  ErrNoAgent,
	}
	a, ok := agent.Running(r.program)
	if ok && a.Name != agent.Default().Name {
		e.More = []string{"to install " + a.Title + ": " + a.Install}
		return e
	}
	e.Fix = "install it, or name one with --package: a store path, an installable such as nixpkgs#claude-code, or the path of a program"
	e.More = []string{"to install Claude Code: npm install -g @anthropic-ai/claude-code"}
	for _, other := range agent.All() {
		if len(other.Programs) > 0 && r.named(other.Programs[0]) != "" {
			e.More = append(e.More, "or run an agent that is here: jailed-claude run "+other.Name)
		}
	}
	return e
}

// packageRoots are the store paths of an extra package.
func (r *resolver) packageRoots(ctx context.Context, p string) ([]string, error) {
	switch k, q := r.kind(p); k {
	case kindStore:
		root, _, err := split(q)
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
			root, _, err := split(real)
			return []string{root}, err
		}
	}
	return nil, r.badPackage(p)
}

func (r *resolver) needsNix(p string) error {
	return &Error{
		What: fmt.Sprintf("package %q is a Nix installable, and with a closure file Nix is not asked", p),
		Fix:  "name a store path of closure file " + r.ClosureFile + ", or leave out the closure file",
		Err:  errNotInClosure,
	}
}

func (r *resolver) badPackage(p string) error {
	e := &Error{
		What: fmt.Sprintf("package %q is not a store path, an installable or a path", p),
		Fix:  "installables have a #, paths have a /",
		Err:  errBadPackage,
	}
	if a, ok := agent.Running(p); ok {
		e.What = fmt.Sprintf("no program %q on PATH", p)
		e.Fix = "install it: " + a.Install
	} else if attr().MatchString(p) {
		e.Fix = fmt.Sprintf("perhaps nixpkgs#%s, or ./%s; no program of that name is on PATH", p, p)
	}
	return e
}

func (r *resolver) notProgram(v *inventory.Inventory, file string) error {
	e := &Error{
		What: fmt.Sprintf("program %q is not an executable file", file),
		Fix:  "list what there is: ls -l " + filepath.Dir(file),
		Err:  fmt.Errorf("%w: %w", ErrNoProgram, fs.ErrPermission),
	}
	if _, _, err := v.Resolve(file); errors.Is(err, fs.ErrNotExist) {
		e.What, e.Err = fmt.Sprintf("program %q does not exist", file), ErrNoProgram
	} else if errors.Is(err, inventory.ErrOutside) {
		e.What, e.Err = fmt.Sprintf("program %q leads out of its closure", file), ErrNoProgram
	}
	return e
}

// programOf is the agent's program in the package with these store paths,
// which are several when the package has several outputs.
//
// A package may name its program differently (meta.mainProgram knows, but
// only an evaluation could tell): the only executable of a package is taken.
func (r *resolver) programOf(v *inventory.Inventory, roots []string) (string, error) {
	var names []string
	var only string
	for _, root := range roots {
		if p := root + "/bin/" + r.program; v.IsProgram(p) {
			return p, nil
		}
		if v.IsProgram(root) {
			return root, nil
		}
		if !slices.Contains(v.Bins, root) {
			continue
		}
		l, err := v.Programs(root)
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
