package trusted

import (
	"context"
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/bundle/layer"
	"github.com/jailed-claude/jailed-claude/bundle/review"
	"github.com/jailed-claude/jailed-claude/bundle/review/left"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/host/git"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
	"github.com/jailed-claude/jailed-claude/spec/host/survey"
	"github.com/jailed-claude/jailed-claude/spec/plan"
	"github.com/jailed-claude/jailed-claude/spec/plan/overlay"
	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/projects"
	"github.com/jailed-claude/jailed-claude/spec/trust"
)

// Review is about a layer, by its name, of the project in a folder; empty is the
// working directory. What the host executes or trusts in it is what jails without a layer
// hold: the built-in list, what the project's own files lead to, and what the
// policy protects.
func Review(project, name string) (review.Options, error) {
	o := plan.Options{Project: project}
	dir := o.Dir()
	if name != "" {
		if err := layer.CheckName(name); err != nil {
			return review.Options{}, err
		}
	}
	// A worktree shares the state of its repository, and has a layer of its own.
	owner := git.Repository(dir)
	var notes []string
	for _, p := range slices.Compact([]string{dir, owner}) {
		c, err := projects.Find(host.StateDir(), p)
		if err == nil {
			notes = append(notes, overlay.Claimed(c, p)...)
		} else if !errors.Is(err, os.ErrNotExist) {
			notes = append(notes, err.Error())
		}
	}
	state := projects.Dir(host.StateDir(), dir)
	r := review.Options{Project: dir, Layer: string(layer.In(state, name)), Others: layer.Named(state), Notes: notes}
	if dir != new(plan.Options).Dir() {
		r.Elsewhere = dir
	}
	if name == "" {
		r.Left = filepath.Join(projects.Dir(host.StateDir(), owner), left.Folder)
	}
	if _, err := os.Stat(r.Layer); err != nil {
		return r, nil //nolint:nilerr // what reads the layer says so
	}
	own, err := merged(dir)
	if err != nil {
		return r, err
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return r, err
	}
	here := source.This().Outside(dir)
	p, _, err := survey.Of(context.Background(), survey.Options{
		Dir: dir, Home: home, UID: here.UID, Protect: own.Files.Protect, Own: own.Agent.Own(),
		Settings: func() []git.Setting {
			return git.Settings(context.Background(), here, dir, func() []string { return nil })
		},
		Refuse: func(string) error { return nil },
	})
	if err != nil {
		return r, err
	}
	r.Follows = agent.Followed
	r.Trusted = trusted(p, own.Agent.Own())
	return r, nil
}

// merged is the policy that says which further files the user and the project want
// protected: that of the project counts without an approval, which is about grants.
func merged(dir string) (policy.Policy, error) {
	user, err := plan.UserLayers()
	if err != nil {
		return policy.Policy{}, err
	}
	layers := slices.Clip(user)
	if r, err := plan.RequestOf(dir, trust.Name, user); err == nil && r != nil {
		layers = append(layers, r.Layer)
	}
	return policy.Merge(layers...)
}

// trusted says why the host executes or trusts a path of a project.
func trusted(p survey.Project, own []agent.Agent) func(rel string) string {
	why := map[string]string{}
	add := func(abs, reason string) {
		if rel, err := filepath.Rel(p.Dir, abs); err == nil && rel != "." && !strings.HasPrefix(rel, "../") {
			why[rel] = reason
		}
	}
	for _, list := range [][]survey.Path{p.Changes, p.Watch, p.Protect} {
		for _, e := range list {
			add(e.Path, e.Why)
		}
	}
	for _, l := range p.Links {
		add(l.Path, "a symlink to what the host executes or trusts")
	}
	return func(rel string) string {
		for at := rel; at != "."; at = path.Dir(at) {
			if reason := why[at]; reason != "" {
				return reason
			}
		}
		return survey.Trusts(rel, own)
	}
}
