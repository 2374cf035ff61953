package host

import (
	"context"
	"os"
	"slices"
)

// Appeared says what is there now, of what the host would run unasked, and was
// not when f was read: paths of Watch, repositories nested in the project, and
// symlinks of the built-in list that say something else or are gone. It is for
// the end of a jail, before the user runs anything in the project.
func (f *Facts) Appeared(ctx context.Context) []string {
	p := f.Project
	var list []string
	for _, w := range slices.Concat(p.Watch, f.ClaudeShared.Watch) {
		if exists(w.Path) {
			list = append(list, w.Path)
		}
	}
	for _, l := range p.Links {
		if target, err := os.Readlink(l.Path); err != nil || target != l.Target {
			list = append(list, l.Path)
		}
	}
	for _, l := range f.ClaudeShared.Links {
		if fi, err := os.Lstat(l.Path); err != nil || fi.Mode()&os.ModeSymlink == 0 || settle(l.Path) != l.Target {
			list = append(list, l.Path)
		}
	}
	// The same search as at the start, on a copy.
	again := &Facts{Home: f.Home, UID: f.UID, Project: Project{Dir: p.Dir, Git: p.Git}}
	v := newSurvey(&source{uid: f.UID}, again)
	if err := (&walk{survey: v}).run(ctx, nil); err == nil {
		for _, dir := range again.Project.Nested {
			if !slices.Contains(p.Nested, dir) {
				list = append(list, dir)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
