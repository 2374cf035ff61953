package survey

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"unicode/utf8"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/host/git"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
	"github.com/jailed-claude/jailed-claude/spec/pattern"
)

// Options say what is looked at, and for whom.
type Options struct {
	// Dir is the project, or with Further another folder that the jail may write:
	// of such a one git folders that lie elsewhere are not granted. Home is the caller's, UID who the caller is.
	Dir, Home string
	// Config is XDG_CONFIG_HOME; empty is the usual folder of Home.
	Config  string
	UID     int
	Further bool
	// Hide and Protect are gitignore-style patterns. Those without a slash are
	// not searched for in folders that searches pass over.
	Hide, Protect []string
	// Unprotect are paths that are not protected, nor what lies below them.
	Unprotect []string
	// Granted are files that the policy names itself.
	Granted map[string]bool
	// Settings are the variables of the caller's own git config that may name
	// programs. It is called last, since it may have to wait.
	Settings func() []git.Setting
	// Refuse says why a folder must not be given to a jail.
	Refuse func(dir string) error
	// Own are agents of the user's own, which execute files of projects too.
	Own []agent.Agent
}

// errPattern is returned by Of for a hide or protect pattern that cannot be
// read, or that matches something that cannot be granted or withheld.
var errPattern = errors.New("pattern")

// survey gathers what a Project has.
type survey struct {
	o      Options
	p      *Project
	guards *guardList
	// warnings are for the user, one line each.
	warnings []string
	// gitDirs are the git directories that are done; worktree are those of
	// worktrees, which their common directory stands for.
	gitDirs, worktree map[string]bool
	// repositories are those in the project that are done.
	repositories map[string]bool
}

func newSurvey(o Options) *survey {
	return &survey{o: o, p: &Project{Dir: o.Dir}, guards: guardsWith(o.Own), gitDirs: map[string]bool{}, worktree: map[string]bool{}, repositories: map[string]bool{}}
}

// Of looks at a project. Warnings say what could not be hidden, protected or
// granted, one line each.
func Of(ctx context.Context, o Options) (p Project, warnings []string, err error) {
	var states []pattern.State
	for _, key := range []struct {
		what     string
		patterns []string
	}{{"hide", o.Hide}, {"protect", o.Protect}} {
		patterns, err := parsePatterns(key.what, key.patterns)
		if err != nil {
			return Project{}, nil, err
		}
		for _, p := range patterns {
			states = append(states, pattern.Begin(p, key.what == "hide"))
		}
	}
	v := newSurvey(o)
	v.p.Names = v.guards.names()
	if !o.Further {
		v.gitRoots()
	}
	v.builtIn()
	if err := (&walk{survey: v}).run(ctx, states); err != nil {
		return Project{}, nil, err
	}
	v.homeLinks()
	v.globalGit()
	// The caller's own git config can name programs of any project.
	for _, set := range o.Settings() {
		if git.Runs(set.Key) {
			v.program(set, o.Dir)
		}
	}
	v.finish()
	return *v.p, v.warnings, nil
}

func (v *survey) warn(format string, args ...any) {
	v.warnings = append(v.warnings, fmt.Sprintf(format, args...))
}

// root returns the root that contains a resolved path: Dir or one of Git.
func (v *survey) root(path string) string {
	for _, r := range append([]string{v.p.Dir}, v.p.Git...) {
		if paths.Below(path, r) {
			return r
		}
	}
	return ""
}

// inside resolves path, and returns it if it is strictly below a root.
func (v *survey) inside(path string) string {
	real, err := filepath.EvalSymlinks(path)
	if root := v.root(real); err != nil || root == "" || real == root {
		return ""
	}
	return real
}

// protect adds an existing path to Protect and says whether there is one. A
// symlink is followed; the file that it leads to is what is protected.
func (v *survey) protect(path, why string) bool {
	if !source.Exists(path) {
		return false
	}
	if real, ok := v.settled(path, why, "protected"); ok {
		v.add(&v.p.Protect, real, why)
	}
	return true
}

// hide adds an existing path to Hide.
func (v *survey) hide(path, why string) {
	if real, ok := v.settled(path, why, "hidden"); ok {
		v.add(&v.p.Hide, real, why)
	}
}

// settled resolves a path that is to be hidden or protected, and says whether
// something can be mounted on it.
func (v *survey) settled(path, why, how string) (string, bool) {
	if !utf8.ValidString(path) {
		v.warn("%q (%s) is not %s: its name is not UTF-8 and cannot be written in a config.json", path, why, how)
		return "", false
	}
	real, err := filepath.EvalSymlinks(path)
	link := v.link(path)
	switch {
	case err != nil && link != "":
		return "", false // it leads nowhere
	case err != nil:
		v.warn("%q (%s) is not %s: %v", path, why, how, err)
		return "", false
	case link == "":
	case v.inside(real) == "":
		v.warn("%q (%s) is not %s: by the symlink %q it leads to %q, outside of what the jail may write; only the symlink can be replaced", path, why, how, link, real)
		return "", false
	case !utf8.ValidString(real):
		v.warn("%q (%s) is not %s: it leads to %q, whose name is not UTF-8", path, why, how, real)
		return "", false
	default:
		v.warn("%q (%s) is %s by its target %q, but the symlink %q itself can be replaced from inside", path, why, how, real, link)
	}
	return real, true
}

// link returns the first symlink on the way from the root to path, path
// itself included, and notes it in Links; empty if there is none.
func (v *survey) link(path string) string {
	root := v.root(path)
	if root == "" {
		return ""
	}
	for _, p := range append(source.Between(root, path), path) {
		target, err := os.Readlink(p)
		if err != nil {
			continue
		}
		if !slices.ContainsFunc(v.p.Links, func(l Link) bool { return l.Path == p }) {
			v.p.Links = append(v.p.Links, Link{Path: p, Target: target})
		}
		return p
	}
	return ""
}

// add appends one resolved path to Protect or Hide.
func (v *survey) add(list *[]Path, path, why string) {
	if slices.ContainsFunc(*list, func(p Path) bool { return p.Path == path }) {
		return
	}
	fi, err := os.Lstat(path)
	if err != nil {
		return
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok && fi.Mode().IsRegular() && st.Nlink > 1 {
		v.warn("%q (%s) has %d hard links: the same file can be reached by another name", path, why, st.Nlink)
	}
	*list = append(*list, Path{Path: path, Dir: fi.IsDir(), Why: why})
}

// watch adds a path that is missing.
func (v *survey) watch(path, why string) {
	if !source.Exists(path) && utf8.ValidString(path) && !slices.ContainsFunc(v.p.Watch, func(p Path) bool { return p.Path == path }) {
		v.p.Watch = append(v.p.Watch, Path{Path: path, Why: why})
	}
}

// change adds a path whose change is reported.
func (v *survey) change(path, why string) {
	if utf8.ValidString(path) && !slices.ContainsFunc(v.p.Changes, func(p Path) bool { return p.Path == path }) {
		v.p.Changes = append(v.p.Changes, Path{Path: path, Why: why})
	}
}

// finish sorts the lists, drops what another entry covers, and finds the pins.
func (v *survey) finish() {
	p := v.p
	p.Hide = outermost(p.Hide)
	p.Protect = outermost(slices.DeleteFunc(p.Protect, func(e Path) bool { return covered(e.Path, p.Hide) }))
	p.Protect = slices.DeleteFunc(p.Protect, v.lifted)
	p.Changes = slices.DeleteFunc(p.Changes, func(e Path) bool { return covered(e.Path, p.Hide) || covered(e.Path, p.Protect) })
	slices.SortFunc(p.Changes, func(a, b Path) int { return cmp.Compare(a.Path, b.Path) })
	slices.Sort(p.Sockets)
	p.Sockets = slices.DeleteFunc(slices.Compact(p.Sockets), func(s string) bool { return covered(s, p.Hide) })
	slices.SortFunc(p.Watch, func(a, b Path) int { return cmp.Compare(a.Path, b.Path) })
	slices.Sort(p.Nested)
	slices.SortFunc(p.Links, func(a, b Link) int { return cmp.Compare(a.Path, b.Path) })
	mounts := slices.Concat(p.Protect, p.Hide)
	mounted := map[string]bool{}
	for _, s := range p.Sockets {
		mounts = append(mounts, Path{Path: s})
	}
	for _, e := range mounts {
		mounted[e.Path] = true
	}
	for _, e := range mounts {
		for _, d := range source.Between(v.root(e.Path), e.Path) {
			// A folder inside a protected one is read-only already.
			if !mounted[d] && !covered(d, p.Protect) {
				mounted[d] = true
				p.Pin = append(p.Pin, d)
			}
		}
	}
	slices.Sort(p.Pin) // a folder sorts before what it contains
}

// lifted notes what the policy lifts the protection of.
func (v *survey) lifted(e Path) bool {
	for _, u := range v.o.Unprotect {
		switch {
		case paths.Below(e.Path, u):
			v.p.Unprotected = append(v.p.Unprotected, e)
			return true
		case paths.Below(u, e.Path):
			v.warn("%q stays protected: it lies in %q (%s), which is read-only as a whole; to lift that: --unprotect %q", u, e.Path, e.Why, e.Path)
		}
	}
	return false
}

// outermost sorts by path and drops entries below a folder of the same list.
func outermost(list []Path) []Path {
	slices.SortStableFunc(list, func(a, b Path) int { return cmp.Compare(a.Path, b.Path) })
	var kept []Path
	for _, e := range list {
		if !covered(e.Path, kept) {
			kept = append(kept, e)
		}
	}
	return kept
}

// covered says whether path is, or lies below, an entry of the list.
func covered(path string, list []Path) bool {
	for _, e := range list {
		if paths.Below(path, e.Path) {
			return true
		}
	}
	return false
}

// parsePatterns reads all of a key; what says which one it is.
func parsePatterns(what string, texts []string) ([]*pattern.Pattern, error) {
	var list []*pattern.Pattern
	for _, t := range texts {
		p, err := pattern.Parse(t)
		if bad, ok := errors.AsType[*pattern.Error](err); ok {
			return nil, fmt.Errorf("%s %w %q: %s", what, errPattern, bad.Text, bad.Why)
		}
		list = append(list, p)
	}
	return list, nil
}
