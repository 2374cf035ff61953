package host

import (
	"context"
	"fmt"
	"slices"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/host/survey"
)

// Also is a further project: its folder, and what its own policy hides and protects in
// it.
type Also struct {
	Dir           string
	Hide, Protect []string
}

// Projects are all of them, the first one first.
func (f *Facts) Projects() []Project {
	return append([]Project{f.Project}, f.Also...)
}

func (f *Facts) isProject(dir string) bool {
	return slices.ContainsFunc(f.Projects(), func(p Project) bool { return p.Dir == dir })
}

// also surveys the further projects.
func (s reader) also(ctx context.Context, f *Facts, o Options) error {
	for _, a := range o.Also {
		dir, err := s.findProject(a.Dir, f)
		if err != nil {
			return err
		}
		for _, other := range f.Projects() {
			if paths.Below(dir, other.Dir) || paths.Below(other.Dir, dir) {
				return &ProjectError{Dir: dir, Err: errProjectsNested, Detail: fmt.Sprintf("and the project %q lie in one another", other.Dir), Hint: "name the outer one alone: --project DIR"}
			}
		}
		p, warnings, err := survey.Of(ctx, survey.Options{
			Dir: dir, Home: f.Home, Config: s.xdg("XDG_CONFIG_HOME", f.Home, ".config"), UID: s.UID, Hide: slices.Concat(o.Hide, a.Hide), Protect: slices.Concat(o.Protect, a.Protect), Settings: o.Git.settings,
			Refuse: func(dir string) error { return s.refuse(dir, f) }, Granted: granted(f), Unprotect: unprotected(o, f), Own: o.Agents,
		})
		if err != nil {
			return err
		}
		p.OwnProtect = a.Protect
		s.places(f, &p, o.LayerName)
		if o.Layer {
			if err := s.layer(f, p); err != nil {
				return err
			}
		}
		f.Also = append(f.Also, p)
		f.Warnings = append(f.Warnings, warnings...)
	}
	return nil
}
