package toolchain

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/paths"
)

// Found is what /usr needs beside itself. The paths are those of the host.
type Found struct {
	// Binds are folders and files to mount, no one below another; Files are
	// those that are no folders.
	Binds []string `json:"binds"`
	Files []string `json:"files,omitempty"`
	// Links are symlinks to make again, each with its text.
	Links map[string]string `json:"links,omitempty"`
}

// usr is the half that is in every jail with the host's programs.
const usr = "/usr"

// Bounds of what is looked into, and of how many mounts come of it.
const (
	maxEntries = 20_000 // of one folder that is to be mounted
	maxBinds   = 256
	maxRounds  = 4 // of links that lead from what was found to more
)

// finder gathers what is found below a root, which stands for /.
type finder struct {
	root string
	Found
	seen map[string]bool
	next []string // what links lead to, not yet looked at
}

// find walks all of /usr. Paths that are mounted anyway (have) are left out.
func find(root string, have []string) Found {
	f := &finder{root: root, seen: map[string]bool{}}
	for _, h := range have {
		f.seen[h] = true
		if !refused(h) {
			f.readable(h, new(int)) // for where its links lead
		}
	}
	for _, p := range listed {
		if found, err := filepath.Glob(root + p); err == nil {
			for _, at := range found {
				f.add(strings.TrimPrefix(at, root))
			}
		}
	}
	f.walk(usr)
	for range maxRounds {
		list := f.next
		f.next = nil
		for _, p := range list {
			f.add(p)
		}
	}
	slices.Sort(f.Binds)
	var binds []string
	for _, b := range f.Binds {
		if !slices.ContainsFunc(append(have, binds...), func(o string) bool { return paths.Below(b, o) }) {
			binds = append(binds, b)
		}
	}
	f.Binds = binds[:min(len(binds), maxBinds)]
	for _, b := range f.Binds {
		if fi, err := os.Lstat(root + b); err == nil && !fi.IsDir() {
			f.Files = append(f.Files, b)
		}
	}
	for l := range f.Links {
		if slices.ContainsFunc(append(have, f.Binds...), func(o string) bool { return paths.Below(l, o) }) {
			delete(f.Links, l)
		}
	}
	return f.Found
}

// passed are folders of /usr that hold many files and no program's
// configuration.
var passed = []string{
	"/usr/share/man", "/usr/share/doc", "/usr/share/info", "/usr/share/locale", "/usr/share/icons", "/usr/share/zoneinfo", "/usr/include", "/usr/src",
	"/usr/lib/modules", "/usr/lib/debug", "/usr/lib/firmware", "/usr/local/share/man", "/usr/home",
}

// walk notes where the links below a folder of /usr lead.
func (f *finder) walk(dir string) {
	if slices.Contains(passed, dir) {
		return
	}
	d, err := os.Open(f.root + dir)
	if err != nil {
		return
	}
	entries, err := d.ReadDir(-1)
	d.Close()
	if err != nil {
		return
	}
	for _, e := range entries {
		switch p := dir + "/" + e.Name(); {
		case e.Type()&fs.ModeSymlink != 0:
			f.link(p)
		case e.IsDir():
			f.walk(p)
		}
	}
}

// link notes where a link leads, one step of the way: the next may be a link of
// its own, which has to be there too.
func (f *finder) link(p string) {
	target, err := os.Readlink(f.root + p)
	if err != nil {
		return
	}
	if !path.IsAbs(target) {
		target = path.Join(path.Dir(p), target)
	}
	if target = path.Clean(target); !f.seen[target] && !refused(target) {
		f.next = append(f.next, target)
	}
}

// add takes a path, if everybody may read all of it; of a folder that holds
// something else, what everybody may.
func (f *finder) add(p string) {
	if f.seen[p] || refused(p) || len(f.Binds) > maxBinds {
		return
	}
	f.seen[p] = true
	// A folder on the way may be a link; then it is its target that is looked at.
	if real, err := filepath.EvalSymlinks(path.Dir(f.root + p)); err != nil || real != path.Dir(f.root+p) {
		if err == nil {
			f.add(path.Join(strings.TrimPrefix(real, f.root), path.Base(p)))
			f.addLinks(p)
		}
		return
	}
	fi, err := os.Lstat(f.root + p)
	switch {
	case err != nil:
	case fi.Mode()&fs.ModeSymlink != 0:
		if f.Links == nil {
			f.Links = map[string]string{}
		}
		if text, err := os.Readlink(f.root + p); err == nil {
			f.Links[p] = text
			f.link(p)
		}
	case f.readable(p, new(int)):
		f.Binds = append(f.Binds, p)
	case fi.IsDir():
		entries, err := os.ReadDir(f.root + p)
		if err != nil {
			return
		}
		for _, e := range entries {
			f.add(path.Join(p, e.Name()))
		}
	}
}

// addLinks takes the first folder on the way to p that is a link.
func (f *finder) addLinks(p string) {
	for d := path.Dir(p); !refused(d); d = path.Dir(d) {
		if fi, err := os.Lstat(f.root + d); err == nil && fi.Mode()&fs.ModeSymlink != 0 {
			f.add(d)
		}
	}
}

// readable: everybody may read the file, or all that is in the folder, and
// nothing in it has the name of a secret or is something else than a file.
func (f *finder) readable(p string, count *int) bool {
	fi, err := os.Lstat(f.root + p)
	if *count++; err != nil || *count > maxEntries || matches(secret, path.Base(p)) {
		return false
	}
	switch mode := fi.Mode(); {
	case mode&fs.ModeSymlink != 0:
		f.link(p)
		return true
	case mode.IsRegular():
		return mode&0o004 != 0
	case !mode.IsDir() || mode&0o005 != 0o005:
		return false
	}
	entries, err := os.ReadDir(f.root + p)
	if err != nil {
		return false
	}
	all := true
	for _, e := range entries {
		all = f.readable(path.Join(p, e.Name()), count) && all
	}
	return all
}
