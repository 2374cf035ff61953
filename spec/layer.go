package spec

import (
	"slices"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// overlay: what the agent changes of the project lands in a layer over it.
func (b *builder) overlay() bool { return b.Policy.Files.Project == policy.ProjectOverlay }

// layer shows a folder of the project through a layer. Nothing that is written
// there reaches the host, so nothing in it is protected for the host's sake, and
// no folder has to be held in its place: the kernel refuses to rename those of
// the host in a layer (EXDEV), so that what is hidden in one stays hidden.
func (b *builder) layer(m mounted) {
	projects := b.Host.Projects()
	i := slices.IndexFunc(projects, func(p host.Project) bool { return p.Dir == m.path || slices.Contains(p.Git, m.path) })
	pr := projects[max(i, 0)]
	dir := pr.Layer
	if m.path != pr.Dir {
		dir = contract.GitLayerDir(dir, m.path)
	}
	l := contract.LayerIn(dir, m.path)
	b.spec.Mounts = append(b.spec.Mounts, l.Mount())
	b.grant("file", m.path, m.mode, m.from, m.why+"; what is written is kept in "+l.Upper+" until you apply it: "+pr.Review)
	if m.path == pr.Dir {
		b.grant("layer", m.path, "", m.from, "nothing that the host executes or trusts changes below it, so no protected path is mounted in it, and .git is writable")
		if apply := b.Policy.Review.Apply; apply == policy.ApplySafe {
			b.grant("layer", m.path, apply, b.origin("review.apply"), "what is ordinary is applied when the jail ends; what the host executes or trusts waits for you")
		}
	}
}

// layered: the path is seen through a layer, and not by a grant of its own.
func (b *builder) layered(p string) bool {
	if !b.overlay() {
		return false
	}
	// The innermost mount that the agent writes to decides.
	in, through := "", false
	for _, pr := range b.Host.Projects() {
		for _, dir := range append([]string{pr.Dir}, pr.Git...) {
			if paths.Below(p, dir) && len(dir) > len(in) {
				in, through = dir, true
			}
		}
	}
	for _, f := range b.Host.Further {
		if paths.Below(p, f.Dir) && len(f.Dir) > len(in) {
			in, through = f.Dir, false
		}
	}
	return through
}
