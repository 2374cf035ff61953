package plan

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jailed-claude/jailed-claude/bundle/layer"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/projects"
)

// prepareLayer makes the folders of the project's layer, if it has one, and says
// if what lies below is no longer what the layer was begun over.
func prepareLayer(in *spec.Input) (warnings Warnings, err error) {
	if in.Policy.Files.Project != policy.ProjectOverlay {
		return nil, nil
	}
	// A worktree shares the state of its repository, and has a layer of its own.
	if _, err := projects.Claim(in.Host.StateDir, in.Host.Project.Dir); err != nil {
		return nil, hint.Add(fmt.Errorf("the state of the project: %w", err), stateHint)
	}
	top := layer.Dir(in.Host.Layer)
	lower := append([]string{in.Host.Project.Dir}, in.Host.Project.Git...)
	empty := true
	for i, dir := range lower {
		d := top
		if i > 0 {
			d = top.Git(dir)
		}
		if err := d.Make(dir); err != nil {
			return nil, hint.Add(err, "to keep it elsewhere, set XDG_STATE_HOME to a folder on ext4, xfs, btrfs or tmpfs")
		}
		lock, err := d.Lock()
		if err != nil {
			return nil, layerBusy(err)
		}
		defer lock.Close()
		none, err := layer.Empty(d.Upper())
		if err != nil {
			return nil, err
		}
		empty = empty && none
	}
	before, err := top.Base()
	if err != nil && !errors.Is(err, layer.ErrNoBase) {
		return nil, hint.Add(err, "look at what the layer holds: jailed-claude review")
	}
	now := layer.Below(in.Host.Project.Dir, before)
	now.Git = in.Host.Project.Git
	if empty || errors.Is(err, layer.ErrNoBase) {
		return nil, top.SetBase(now)
	}
	if changed := before.Since(now); len(changed) > 0 {
		warnings.add("the layer over %s was begun at %s, and git on the host changed %s since: inside, both are mixed; first look at it (jailed-claude review), then apply or discard it (--apply, --discard)",
			show.Visible(in.Host.Project.Dir), before.Time.Local().Format("2006-01-02 15:04"), strings.Join(changed, " and "))
	}
	return warnings, nil
}

// layerBusy says what to do about a layer that somebody else has.
func layerBusy(err error) error {
	if errors.Is(err, layer.ErrBusy) {
		return hint.Add(err, "see which jails run: jailed-claude list", "to work beside it: git worktree add, and start there")
	}
	return err
}
