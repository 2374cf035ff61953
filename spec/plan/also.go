package plan

import (
	"fmt"
	"path/filepath"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/trust"
)

// Of is o with the projects that the flag --project named: the first is the one whose
// policy, lock and state count.
func (o Options) Of(named []string) Options {
	if len(named) > 0 {
		o.Project, o.Also = named[0], named[1:]
	}
	return o
}

// One refuses several projects.
func (o *Options) One(command string) error {
	if len(o.Also) == 0 {
		return nil
	}
	return hint.Add(fmt.Errorf("%s is about one project, and --project names %d", command, 1+len(o.Also)), "name one of them")
}

// also are the further projects. Of their own policies counts what takes away, and only
// in them: nobody asked whether they may grant something here.
func (o *Options) also() (list []host.Also, warnings Warnings, err error) {
	for _, named := range o.Also {
		further := Options{Project: named}
		a := host.Also{Dir: further.Dir()}
		if o.Policy != noPolicy {
			r, err := RequestOf(a.Dir, filepath.Join(named, trust.Name), nil)
			if err != nil {
				return nil, warnings, err
			}
			if r != nil {
				a.Hide, a.Protect = r.Layer.Files.Hide, r.Layer.Files.Protect
				warnings.add("of %s, the policy of a further project, only files.hide and files.protect count, and in that project", show.Visible(r.File.Path))
			}
		}
		list = append(list, a)
	}
	return list, warnings, nil
}
