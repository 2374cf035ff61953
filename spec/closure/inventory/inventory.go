package inventory

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/internal/storepath"
)

// Inventory is a set of store paths, and what of each of them a closure needs
// to know. It never changes as long as the paths exist.
type Inventory struct {
	// Paths is sorted, without duplicates.
	Paths []string
	// Bins are those of Paths that have a folder bin.
	Bins []string
	// Sh, Bash and Env are those of Bins that have such a program.
	Sh, Bash, Env []string
	// Links are those of Paths that are symlinks themselves. They are not
	// cached: whoever makes sure that the paths are there sees them.
	Links []string
}

// Has tells whether the top-level store path p is in the inventory.
func (v *Inventory) Has(p string) bool {
	_, ok := slices.BinarySearch(v.Paths, p)
	return ok
}

// Take looks into each path; root is what they are the closure of,
// for the error if one is missing. Paths must be sorted and well-formed.
func Take(paths []string, root string) (*Inventory, error) {
	// In parts, one for each processor unless they are few: it is all system
	// calls.
	processors := runtime.GOMAXPROCS(0)
	part := max(64, (len(paths)+processors-1)/processors)
	parts := make([]*Inventory, 0, processors)
	errs := make([]error, processors)
	var wait sync.WaitGroup
	for some := range slices.Chunk(paths, part) {
		i, v := len(parts), &Inventory{Paths: paths}
		parts = append(parts, v)
		wait.Go(func() { errs[i] = v.take(some, root) })
	}
	wait.Wait()
	v := &Inventory{Paths: paths}
	for i, p := range parts {
		if errs[i] != nil {
			return nil, errs[i]
		}
		v.add(p)
	}
	return v, nil
}

// take looks into some of the paths of v.
func (v *Inventory) take(some []string, root string) error {
	for _, p := range some {
		top, err := lstatPath(p, root)
		if err != nil {
			return err
		}
		v.note(p, top)
		// One lstat(2) answers for most: there is no such thing, and no
		// link on the way to it. Only links need the longer way.
		direct := top.IsDir()
		look := func(file string) (mode fs.FileMode, linked bool) {
			if direct {
				if mode, err = lstat(file); err != nil || mode&fs.ModeSymlink == 0 {
					return mode, false
				}
			}
			mode, _ = v.stat(file)
			return mode, true
		}
		bin, linked := look(p + "/bin")
		if !bin.IsDir() {
			continue
		}
		direct = direct && !linked
		v.Bins = append(v.Bins, p)
		for _, t := range []struct {
			name string
			list *[]string
		}{{"sh", &v.Sh}, {"bash", &v.Bash}, {"env", &v.Env}} {
			if mode, _ := look(p + "/bin/" + t.name); runs(mode) {
				*t.list = append(*t.list, p)
			}
		}
	}
	return nil
}

// add appends what was found in u, but not its paths.
func (v *Inventory) add(u *Inventory) {
	v.Bins = append(v.Bins, u.Bins...)
	v.Sh = append(v.Sh, u.Sh...)
	v.Bash = append(v.Bash, u.Bash...)
	v.Env = append(v.Env, u.Env...)
	v.Links = append(v.Links, u.Links...)
}

// runs tells whether a file of that mode can be executed.
func runs(mode fs.FileMode) bool { return mode.IsRegular() && mode&0o111 != 0 }

// Union joins inventories. What was found in one of them holds in the whole:
// more paths cannot make a link lead out.
func Union(vs []*Inventory) *Inventory {
	if len(vs) == 1 {
		return vs[0]
	}
	u := &Inventory{}
	for _, v := range vs {
		u.Paths = append(u.Paths, v.Paths...)
		u.add(v)
	}
	for _, l := range []*[]string{&u.Paths, &u.Bins, &u.Sh, &u.Bash, &u.Env, &u.Links} {
		slices.Sort(*l)
		*l = slices.Compact(*l)
	}
	return u
}

// CheckPresent is one lstat(2) for each path: garbage collections and
// interrupted deletions leave closures with holes, which would show only
// inside the jail.
func (v *Inventory) CheckPresent(root string) error {
	for _, p := range v.Paths {
		mode, err := lstatPath(p, root)
		if err != nil {
			return err
		}
		v.note(p, mode)
	}
	return nil
}

// note remembers a store path that is a symlink: it cannot be mounted.
func (v *Inventory) note(p string, mode fs.FileMode) {
	if mode&fs.ModeSymlink != 0 {
		v.Links = append(v.Links, p)
	}
}

// Targets are the symlinks among the paths, with what they say.
func (v *Inventory) Targets() (map[string]string, error) {
	targets := map[string]string{}
	for _, p := range v.Links {
		target, err := os.Readlink(p)
		if err != nil {
			return nil, err
		}
		targets[p] = target
	}
	return targets, nil
}

// MissingError is a store path that is not on disk.
type MissingError struct {
	Path string
	// Root is the store path that needs it, and is there; empty if Path itself
	// was asked for.
	Root string
}

func (e *MissingError) Error() string {
	if e.Root == "" {
		return fmt.Sprintf("store path %q does not exist", e.Path)
	}
	return fmt.Sprintf("store path %q, which %q needs, is missing", e.Path, e.Root)
}

func lstatPath(p, root string) (fs.FileMode, error) {
	mode, err := lstat(p)
	if !errors.Is(err, fs.ErrNotExist) {
		return mode, err
	}
	if p == root {
		root = ""
	}
	return missingMode, &MissingError{Path: p, Root: root}
}

// missingMode is that of what is not there: no folder, nor anything else.
const missingMode = fs.ModeIrregular

// lstat is os.Lstat for the mode alone, in half the time: a closure has
// hundreds of paths, and each is looked at in every start.
func lstat(p string) (fs.FileMode, error) {
	var st syscall.Stat_t
	for {
		err := syscall.Lstat(p, &st)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EINTR) {
			return missingMode, &fs.PathError{Op: "lstat", Path: p, Err: err}
		}
	}
	mode := fs.FileMode(st.Mode) & fs.ModePerm
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFREG:
	case syscall.S_IFDIR:
		mode |= fs.ModeDir
	case syscall.S_IFLNK:
		mode |= fs.ModeSymlink
	default:
		mode |= fs.ModeIrregular
	}
	return mode, nil
}

// BinDirs are the folders for PATH, split in those of roots, in their order,
// and those of the other paths, by package name.
func (v *Inventory) BinDirs(roots []string) (first, rest []string) {
	for _, r := range roots {
		if slices.Contains(v.Bins, r) && !slices.Contains(first, r+"/bin") {
			first = append(first, r+"/bin")
		}
	}
	others := slices.DeleteFunc(slices.Clone(v.Bins), func(p string) bool {
		return slices.Contains(first, p+"/bin")
	})
	slices.SortFunc(others, func(a, b string) int {
		return cmp.Or(cmp.Compare(storepath.Name(a), storepath.Name(b)), cmp.Compare(a, b))
	})
	for _, p := range others {
		rest = append(rest, p+"/bin")
	}
	return first, rest
}

// Pick is the program of that name in the first of the bin folders whose
// store path is in list.
func Pick(bins, list []string, name string) string {
	for _, b := range bins {
		if slices.Contains(list, strings.TrimSuffix(b, "/bin")) {
			return b + "/" + name
		}
	}
	return ""
}

var (
	// ErrOutside is returned by Resolve for a link to what the closure lacks.
	ErrOutside = errors.New("it leads out of the closure")
	errLoop    = errors.New("too many levels of symbolic links")
)

// maxLinks is the kernel's own limit (path_resolution(7)).
const maxLinks = 40

// Resolve follows every symlink of the store path p as the kernel will inside
// the jail, where there is nothing of the store but the closure.
func (v *Inventory) Resolve(p string) (string, fs.FileMode, error) {
	todo := components(p)
	real, links := "", 0
	known, mode := false, missingMode // of real
	for len(todo) > 0 {
		c := todo[0]
		todo = todo[1:]
		if c == ".." {
			if known && !mode.IsDir() {
				return "", missingMode, syscall.ENOTDIR
			}
			real = real[:max(strings.LastIndexByte(real, '/'), 0)]
			known = false
			continue
		}
		next := real + "/" + c
		if !paths.Below(next, storepath.Dir) && !strings.HasPrefix(storepath.Dir, next+"/") {
			return "", missingMode, ErrOutside
		}
		if real == storepath.Dir && !v.Has(next) {
			return "", missingMode, ErrOutside
		}
		if len(next) <= len(storepath.Dir) {
			real = next
			continue
		}
		var err error
		if mode, err = lstat(next); err != nil {
			return "", missingMode, err
		}
		if known = mode&fs.ModeSymlink == 0; known {
			real = next
			continue
		}
		if links++; links > maxLinks {
			return "", missingMode, errLoop
		}
		target, err := os.Readlink(next)
		if err != nil {
			return "", missingMode, err
		}
		if strings.HasPrefix(target, "/") {
			real = ""
		}
		todo = append(components(target), todo...)
	}
	if len(real) <= len(storepath.Dir) {
		return "", missingMode, ErrOutside
	}
	if !known {
		var err error
		if mode, err = lstat(real); err != nil {
			return "", missingMode, err
		}
	}
	return real, mode, nil
}

func components(p string) []string {
	return slices.DeleteFunc(strings.Split(p, "/"), func(c string) bool { return c == "" || c == "." })
}

func (v *Inventory) stat(p string) (fs.FileMode, error) {
	_, mode, err := v.Resolve(p)
	return mode, err
}

// IsProgram tells whether p is, inside the closure, an executable file.
func (v *Inventory) IsProgram(p string) bool {
	mode, err := v.stat(p)
	return err == nil && runs(mode)
}

// Programs are the names of the executables in root/bin. Names that start
// with a dot are left out: they are what Nix's wrappers wrap.
func (v *Inventory) Programs(root string) ([]string, error) {
	dir, _, err := v.Resolve(root + "/bin")
	if err != nil {
		return nil, fmt.Errorf("%s/bin: %w", root, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && v.IsProgram(dir+"/"+e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}
