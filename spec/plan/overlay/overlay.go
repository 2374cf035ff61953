package overlay

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/bundle/layer"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/host/git"
	"github.com/jailed-claude/jailed-claude/spec/host/survey"
	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/projects"
)

// Prepare makes the layers of the projects ready, if they have any, and says if
// what lies below one is no longer what it was begun over.
func Prepare(in *spec.Input) (warnings []string, err error) {
	if in.Policy.Files.Project != policy.ProjectOverlay {
		return nil, nil
	}
	for _, p := range in.Host.Projects() {
		said, err := prepare(in.Host.StateDir, p)
		if warnings = append(warnings, said...); err != nil {
			return warnings, err
		}
	}
	return warnings, nil
}

func prepare(stateDir string, p survey.Project) (warnings []string, err error) {
	// A worktree shares the state of its repository, and has a layer of its own.
	c, err := projects.Claim(stateDir, p.Dir)
	if err != nil {
		return nil, hint.Add(fmt.Errorf("the state of the project: %w", err), "to use another folder, set XDG_STATE_HOME")
	}
	warnings = append(warnings, Claimed(c, p.Dir)...)
	before, changed, err := layer.Begin(layer.Dir(p.Layer), p.Dir, p.Git)
	over := "the layer over " + show.Visible(p.Dir)
	switch {
	case errors.Is(err, layer.ErrUnfinished):
		return warnings, hint.Add(fmt.Errorf("%s: %w", over, err), "to finish it: "+p.Review+" --apply", "to take it back: "+p.Review+" --undo")
	case errors.Is(err, layer.ErrBusy):
		return warnings, hint.Add(fmt.Errorf("%s: %w", over, err), layer.BusyHints...)
	case err != nil:
		return warnings, hint.Add(err, "to keep it elsewhere, set XDG_STATE_HOME to a folder on ext4, xfs, btrfs or tmpfs")
	case len(changed) > 0:
		warnings = append(warnings, fmt.Sprintf("%s was begun at %s, and git on the host changed %s since: inside, both are mixed; first look at it (%s), then apply or discard it (--apply, --discard)",
			over, before.Time.Local().Format("2006-01-02 15:04"), strings.Join(changed, " and "), p.Review))
	}
	return warnings, nil
}

// Notes name the layer where git would stop half way without one: in a project
// that tracks what is read-only in the jail, or where it needs its config.
func Notes(in *spec.Input) (lines []string) {
	if in.Policy.Files.Project != policy.ProjectRW {
		return nil
	}
	for _, p := range in.Host.Projects() {
		if lines = notes(p); len(lines) > 0 {
			break // one line
		}
	}
	return lines
}

func notes(p survey.Project) []string {
	const most = 3
	if names := p.InGit(); len(names) > 0 {
		text := strings.Join(names[:min(len(names), most)], ", ")
		if more := len(names) - most; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		return []string{fmt.Sprintf("git tracks %s, which are read-only in this jail: git refuses to go where others are; in a layer all of git works: --project-mode overlay", show.Visible(text))}
	}
	if wants := git.Wants(p.Dir); len(wants) > 0 && holdsConfig(p) {
		return []string{fmt.Sprintf("git cannot note %s in this jail: its config is read-only; in a layer it can: --project-mode overlay", show.Visible(strings.Join(wants, ", nor ")))}
	}
	return nil
}

// holdsConfig: the config of the project's repository is protected.
func holdsConfig(p survey.Project) bool {
	return slices.ContainsFunc(p.Protect, func(e survey.Path) bool {
		dir, name := filepath.Split(e.Path)
		dir = filepath.Clean(dir)
		return name == "config" && (dir == filepath.Join(p.Dir, ".git") || slices.Contains(p.Git, dir))
	})
}
