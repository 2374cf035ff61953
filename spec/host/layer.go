package host

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/host/git"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
	"github.com/jailed-claude/jailed-claude/spec/projects"
)

// largePack is from how many bytes on a pack of git is shown from below a layer
// and cannot be changed there. git touches a pack when it adds what the pack has,
// and overlayfs then copies all of it; but nothing can be removed that something
// is mounted on, so that small ones are left alone.
const largePack = 8 << 20

// places says where the layer over a project is.
func (s reader) places(f *Facts, p *Project, name string) {
	// A worktree shares its repository's state, but not what it holds.
	p.Layer = contract.LayerDir(projects.Dir(f.StateDir, p.Dir), name)
	elsewhere := p.Dir
	if here, err := os.Getwd(); err == nil && source.Settle(here) == p.Dir {
		elsewhere = ""
	}
	p.Review = contract.ReviewCommand(p.Layer, elsewhere)
}

// layer finds what a layer over a project has to know of it.
func (s reader) layer(f *Facts, p Project) error {
	roots := append([]string{p.Dir}, p.Git...)
	for _, dir := range roots {
		// clone_private_mount() of the kernel: whoever makes user namespaces must
		// not see what lies below a mount.
		if found := s.mountedBelow(dir); len(found) > 0 {
			return &ProjectError{
				Dir: dir, Err: errProjectMounts, Detail: fmt.Sprintf("has another file system mounted in it, %q (%s), and the kernel makes no layer over such a folder", found[0].at, found[0].kind),
				Hint: fmt.Sprintf("unmount it, or do without a layer: --project-mode rw, or ro (%d in all: findmnt -R)", len(found)),
			}
		}
		for _, other := range f.Projects() {
			for _, o := range append([]string{other.Dir}, other.Git...) {
				if other.Dir != p.Dir && (paths.Below(dir, o) || paths.Below(o, dir)) {
					return &ProjectError{
						Dir: p.Dir, Err: errProjectsLayers, Detail: fmt.Sprintf("and the project %q share %q, and what is written there would be in the layer of one of them", other.Dir, dir),
						Hint: "start a jail for each, or do without a layer: --project-mode rw, or ro",
					}
				}
			}
		}
	}
	for _, dir := range objects(p) {
		entries, err := os.ReadDir(filepath.Join(dir, "pack"))
		if err != nil {
			continue
		}
		for _, e := range entries {
			name := filepath.Join(dir, "pack", e.Name())
			if !strings.HasSuffix(e.Name(), ".pack") || !e.Type().IsRegular() || !shownBelow(p, name) {
				continue
			}
			if fi, err := e.Info(); err == nil && fi.Size() >= largePack {
				f.Packs = append(f.Packs, name)
			}
		}
	}
	return nil
}

// objects are the folders of git's objects that the jail has of a project.
func objects(pr Project) (dirs []string) {
	roots := append([]string{}, pr.Git...)
	for _, dir := range append([]string{pr.Dir}, pr.Nested...) {
		if g := filepath.Join(dir, ".git"); source.IsDir(g) {
			roots = append(roots, g)
		}
	}
	if git.IsDir(pr.Dir) {
		roots = append(roots, pr.Dir)
	}
	for _, g := range roots {
		dirs = append(dirs, filepath.Join(g, "objects"))
	}
	return dirs
}

// shownBelow: a path of a project is seen through its layer, which has neither
// replaced nor deleted it.
func shownBelow(pr Project, p string) bool {
	real, err := filepath.EvalSymlinks(p)
	if err != nil || real != p {
		return false // something else is mounted there, or nothing can be
	}
	upper, root := layerOver(pr, p)
	if root == "" {
		return false
	}
	rel, err := filepath.Rel(root, p)
	if err != nil {
		return false
	}
	at := upper
	for part := range strings.SplitSeq(rel, "/") {
		at = filepath.Join(at, part)
		fi, err := os.Lstat(at)
		if err != nil {
			return os.IsNotExist(err)
		}
		if !fi.IsDir() || opaque(at) {
			return false
		}
	}
	return false
}

// layerOver is the upper folder of the layer that p is seen through, and what
// the layer lies over; "" for none.
func layerOver(pr Project, p string) (upper, root string) {
	if paths.Below(p, pr.Dir) {
		return contract.LayerIn(pr.Layer, pr.Dir).Upper, pr.Dir
	}
	for _, g := range pr.Git {
		if paths.Below(p, g) {
			return contract.LayerIn(contract.GitLayerDir(pr.Layer, g), g).Upper, g
		}
	}
	return "", ""
}

// opaque: what lies below the folder is not seen through it.
func opaque(dir string) bool {
	var y [1]byte
	n, err := unix.Lgetxattr(dir, "user.overlay.opaque", y[:])
	return err == nil && n == 1 && y[0] == 'y'
}
