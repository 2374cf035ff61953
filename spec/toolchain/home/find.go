package home

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/internal/regular"
)

// Host is what decides where toolchains are, and which the project uses. Home
// and Project are real paths.
type Host struct {
	Home, Project string
	// Env are the caller's variables.
	Env map[string]string
}

// Found is a toolchain as a jail has it.
type Found struct {
	Name string
	// Binds are folders and files to mount read-only, at their own real paths;
	// Files are those that are no folders.
	Binds, Files []string
	// Bins come first on PATH.
	Bins []string
	Env  map[string]string
}

// Bins are the folders of toolchains for PATH.
func Bins(found []Found) (bins []string) {
	for _, f := range found {
		bins = append(bins, f.Bins...)
	}
	return bins
}

// Use is a toolchain that the project uses, and how that is known.
type Use struct{ Name, Why string }

// Find looks for the toolchains of a policy. A name that nothing is found for
// is a warning.
func (h Host) Find(names []string) (list []Found, warnings []string) {
	want := map[string]bool{}
	for _, n := range names {
		if want[n] = true; n == Auto {
			for _, u := range h.Used() {
				want[u.Name] = true
			}
		}
	}
	var missing []string
	for _, k := range kits() {
		if !want[k.Name] {
			continue
		}
		if f, ok := h.find(k); ok {
			list = append(list, f)
		} else {
			missing = append(missing, k.Name)
		}
	}
	for _, name := range slices.Compact(missing) {
		if !slices.ContainsFunc(list, func(f Found) bool { return f.Name == name }) {
			warnings = append(warnings, fmt.Sprintf("files.toolchains: there is no %s in your home", name))
		}
	}
	return list, warnings
}

// Used are the toolchains of the home that the project uses. It looks at few
// names, since each start asks.
func (h Host) Used() (uses []Use) {
	seen := map[string]bool{}
	has := func(name string) bool {
		there, known := seen[name]
		if !known {
			_, err := os.Lstat(path.Join(h.Project, name))
			there = err == nil
			seen[name] = there
		}
		return there
	}
	for _, k := range kits() {
		mark, need := slices.IndexFunc(k.Marks, has), slices.IndexFunc(k.Needs, has)
		if mark < 0 && need < 0 {
			continue
		}
		switch root := h.root(k); {
		case root == "" || slices.ContainsFunc(uses, func(u Use) bool { return u.Name == k.Name }):
		case mark >= 0:
			uses = append(uses, Use{k.Name, k.Marks[mark]})
		case len(h.onPath(root, k)) > 0:
			uses = append(uses, Use{k.Name, k.Needs[need]})
		}
	}
	return uses
}

func (h Host) places(k kit) (list []string) {
	if dir := h.Env[k.Variable]; k.Variable != "" && filepath.IsAbs(dir) {
		list = append(list, filepath.Clean(dir))
	}
	for _, r := range k.Roots {
		list = append(list, path.Join(h.Home, r))
	}
	return list
}

// root is the folder of a toolchain, resolved; empty if there is none. It is
// neither the home nor above it, and not the project's to write.
func (h Host) root(k kit) string {
	for _, dir := range h.places(k) {
		real, err := h.resolve(dir)
		if err != nil || paths.Below(h.Home, real) || paths.Below(real, h.Project) || !paths.Below(real, h.Home) {
			continue
		}
		if slices.ContainsFunc(k.Parts, func(p string) bool { return len(glob(path.Join(real, p))) > 0 }) {
			return real
		}
	}
	return ""
}

// resolve is filepath.EvalSymlinks. It does not look at the way to the home again,
// which is real: each start asks about many places.
func (h Host) resolve(p string) (string, error) {
	if _, err := below(h.Home, p); !errors.Is(err, errElsewhere) {
		return p, err
	}
	return filepath.EvalSymlinks(p)
}

var errElsewhere = errors.New("not below that folder, or by a symlink")

// below says what is at p, at or below a real folder.
func below(base, p string) (fi fs.FileInfo, err error) {
	if !paths.Below(p, base) {
		return nil, errElsewhere
	}
	for i := len(base); i <= len(p); i++ {
		if i < len(p) && p[i] != '/' {
			continue
		}
		if fi, err = os.Lstat(p[:i]); err != nil {
			return nil, err
		}
		if fi.Mode()&fs.ModeSymlink != 0 {
			return nil, errElsewhere
		}
	}
	return fi, nil
}

func glob(pattern string) []string {
	found, err := filepath.Glob(pattern)
	if err != nil {
		return nil
	}
	return found
}

// find says what of a toolchain a jail gets.
func (h Host) find(k kit) (Found, bool) {
	root := h.root(k)
	if root == "" {
		return Found{}, false
	}
	f := Found{Name: k.Name}
	for _, p := range k.Parts {
		for _, part := range glob(path.Join(root, p)) {
			f.bind(root, part)
		}
	}
	for _, b := range k.Beside {
		f.bind(h.Home, path.Join(h.Home, b))
		if dir := path.Join(h.Home, b); len(f.Binds) > 0 && slices.Contains(f.Binds, dir) {
			if slices.Contains(f.Files, dir) {
				dir = path.Dir(dir)
			}
			f.Bins = append(f.Bins, dir)
		}
	}
	bins := h.onPath(root, k)
	for _, pattern := range k.Bins {
		if len(bins) > 0 {
			break
		}
		found := glob(path.Join(root, pattern))
		slices.SortFunc(found, func(a, b string) int { return natural(b, a) })
		if strings.HasPrefix(pattern, "candidates/") { // one program each
			bins = found
		} else if len(found) > 0 {
			bins = append(pinned(h.Project, k, found), found[0])[:1]
		}
	}
	if k.Name == "pyenv" || k.Name == "asdf" { // shims call the program itself
		bins = append(bins, path.Join(root, "bin"))
	}
	f.Bins = compact(append(bins, f.Bins...))
	for name, value := range k.Env {
		if f.Env == nil {
			f.Env = map[string]string{}
		}
		f.Env[name] = strings.ReplaceAll(value, "$ROOT", root)
	}
	return f, len(f.Binds) > 0
}

// bind takes what is there, at or below a real folder, and is no symlink to somewhere
// else.
func (f *Found) bind(base, p string) {
	fi, err := below(base, p)
	if err != nil || slices.Contains(f.Binds, p) {
		return
	}
	f.Binds = append(f.Binds, p)
	if !fi.IsDir() {
		f.Files = append(f.Files, p)
	}
}

// onPath are the folders of the caller's PATH that lie in the toolchain, or
// lead into it, as fnm's of a shell do.
func (h Host) onPath(root string, k kit) (bins []string) {
	for _, dir := range filepath.SplitList(h.Env["PATH"]) {
		if !filepath.IsAbs(dir) {
			continue
		}
		if dir = filepath.Clean(dir); strings.Contains(dir, "/fnm_multishells/") {
			if real, err := filepath.EvalSymlinks(dir); err == nil {
				dir = real
			}
		}
		beside := slices.ContainsFunc(k.Beside, func(b string) bool { b = path.Join(h.Home, b); return dir == b || dir == path.Dir(b) })
		if paths.Below(dir, root) || beside && k.Name != "uv" && k.Name != "mise" {
			bins = append(bins, dir)
		}
	}
	return bins
}

// pinned is the version that the project's mark names: 20, v20.1, 3.12.
func pinned(project string, k kit, found []string) []string {
	for _, m := range k.Marks {
		text, ok := short(path.Join(project, m))
		if !ok {
			continue
		}
		want := "v" + strings.TrimPrefix(strings.TrimSpace(text), "v")
		for _, dir := range found {
			for part := range strings.SplitSeq(dir, "/") {
				if part == want || strings.HasPrefix(part, want+".") {
					return []string{dir}
				}
			}
		}
	}
	return nil
}

// short reads a file that a jail may have written, if it is as short as one that
// names a version.
func short(file string) (text string, ok bool) {
	const most = 64
	f, err := regular.Open(file)
	if err != nil {
		return "", false
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	return string(b), err == nil && len(b) <= most
}

// natural compares with numbers by their value: v9 comes before v20.
func natural(a, b string) int {
	for a != "" && b != "" {
		na, ra := number(a)
		nb, rb := number(b)
		if na != "" && nb != "" {
			if c := cmp.Or(cmp.Compare(len(na), len(nb)), cmp.Compare(na, nb)); c != 0 {
				return c
			}
			a, b = ra, rb
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

// number splits off the digits at the start, without leading zeros.
func number(s string) (digits, rest string) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	if i == 0 {
		return "", s
	}
	return cmp.Or(strings.TrimLeft(s[:i], "0"), "0"), s[i:]
}

func compact(list []string) (out []string) {
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
