package plan

import (
	"cmp"

	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/caches"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/projects"
)

// prepareCache makes the caches of the project, with what is mounted below them,
// and holds them to their limit once a day.
func prepareCache(in *spec.Input, j *contract.Jail, busy func() bool, warnings *Warnings) error {
	if in.Policy.Files.Cache != policy.CachePrivate {
		return nil
	}
	folders, files := caches.Points(in.Host.Home, j.Spec.Mounts, source.IsDir)
	dir := in.Host.ProjectState
	if err := projects.MakeCache(dir, folders, files); err != nil || !projects.CacheDue(dir) || busy() {
		return err
	}
	removed, left, err := projects.TrimCache(dir, cmp.Or(in.Policy.Limits.Cache, policy.DefaultCache))
	if removed > 0 {
		warnings.add("the caches of this project held more than limits.cache: %s were removed, %s are left", show.Size(removed), show.Size(left))
	}
	return err
}
