package review

import (
	"path"
	"path/filepath"

	"github.com/jailed-claude/jailed-claude/bundle/layer"
	"github.com/jailed-claude/jailed-claude/bundle/review/repo"
	"github.com/jailed-claude/jailed-claude/bundle/review/seen"
	"github.com/jailed-claude/jailed-claude/bundle/review/upper"
	"github.com/jailed-claude/jailed-claude/internal/beneath"
)

// maxMerge bounds what is merged.
const maxMerge = 8 << 20

// since is when the layer's version of a path was begun at the earliest. What the
// host changed has this time or a later one.
func (r *Review) since(path string) int64 {
	if t, ok := r.older[path]; ok {
		return t
	}
	return r.base.Time.UnixNano()
}

// conflicts finds what the host changed since the layer was new, by the time at
// which the kernel noted a change, which no program sets. What git knows from
// before is merged.
func (r *Review) conflicts() error {
	var has map[string]bool
	for _, i := range r.Items {
		c := i.change
		switch {
		case i.Never != "":
		case c.Old == nil:
			// Was it there?
			dir, err := upper.Stat(r.lower, path.Dir(c.Path))
			if path.Dir(c.Path) == "." {
				continue // its folder is changed all the time
			}
			if err != nil || dir == nil || dir.Changed < r.since(c.Path) {
				continue
			}
			if has == nil {
				if err := r.needBlobs(); err != nil {
					return err
				}
				has = r.blobs.Has()
			}
			if has[c.Path] {
				i.Conflict = "the host deleted it meanwhile"
			}
		case c.Old.Kind == upper.Folder && c.New != nil && c.New.Kind == upper.Folder:
			// A folder's time says that something in it came or went.
		case r.base.Inner[c.Path].Index != "" && r.base.Inner[c.Path].Index == r.inner[c.Path].Index:
			// The index of a submodule or worktree, which git status writes anew.
		case c.Newest >= r.since(c.Path):
			i.Conflict = "the host changed it meanwhile"
			if err := r.needBlobs(); err != nil {
				return err
			}
			r.merge(i)
		}
	}
	return nil
}

func (r *Review) needBlobs() (err error) {
	if r.blobs == nil && r.main == nil {
		objects := filepath.Join(r.o.Project, dotGit, "objects")
		if _, common, ok := layer.Git(r.o.Project); ok {
			objects = filepath.Join(common, "objects")
		}
		r.blobs, err = repo.NewBlobs(r.o.Layer, r.o.Project, objects, r.base.Commit)
	}
	return err
}

// merge looks at what the file was when the layer was new, as far as git knows.
func (r *Review) merge(i *Item) {
	if i.Old.Kind != upper.File {
		return
	}
	common, ok := r.blobs.Content(i.Path)
	if !ok {
		return
	}
	if upper.Digest([]byte(common)) == i.Old.Digest {
		i.Conflict = "" // only touched, or changed and changed back
		return
	}
	if i.New == nil || i.New.Kind != upper.File || i.Why != "" || i.Old.Size > maxMerge || i.New.Size > maxMerge {
		return
	}
	host, _, errHost := beneath.Read(r.lower, i.Path, maxMerge)
	jail, _, errJail := beneath.Read(r.upper, i.Path, maxMerge)
	if errHost != nil || errJail != nil || seen.IsBinary(host) || seen.IsBinary(jail) {
		return
	}
	if merged, clean := r.blobs.Merge(string(host), common, string(jail)); clean {
		i.Conflict, i.Merged, i.merged = "", true, merged
	} else {
		i.Conflict = "the host changed the same lines meanwhile"
	}
}
