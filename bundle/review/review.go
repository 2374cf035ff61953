package review

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/bundle/layer"
	"github.com/jailed-claude/jailed-claude/bundle/review/judge"
	"github.com/jailed-claude/jailed-claude/bundle/review/repo"
	"github.com/jailed-claude/jailed-claude/bundle/review/upper"
	"github.com/jailed-claude/jailed-claude/internal/beneath"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// Options say which layer, and what is known of its project.
type Options struct {
	// Layer is the layer's folder, Project what lies below it. Left has what jails
	// without a layer left on the host; empty where that is not asked for.
	Layer, Project, Left string
	// Elsewhere is Project where that is not the current folder, for commands.
	Elsewhere string
	// Others are the names of the project's other layers.
	Others []string
	// Notes are said with it.
	Notes []string
	// Trusted says why the host would execute or trust a path of the project;
	// empty if it would not. A folder of the path counts for what is in it.
	Trusted func(path string) (why string)
	// Follows says whether a path instructs agents; nil: none does.
	Follows func(path string) bool
	// Network is what the jail reached, for a page.
	Network []Decision
}

// Decision is one of the network's.
type Decision struct {
	Time    time.Time `json:"time"`
	Allowed bool      `json:"allowed"`
	What    string    `json:"what"`
	Why     string    `json:"why,omitempty"`
}

// Item is a changed path.
type Item struct {
	Path string `json:"path"`
	// What is "added", "changed", "deleted", "mode", "renamed" or "replaced".
	What string `json:"what"`
	// Why the host would execute or trust it: it waits for a yes.
	Why     string `json:"why,omitempty"`
	Follows bool   `json:"follows,omitempty"` // agents do what it says
	// Never says why it cannot be applied at all.
	Never string `json:"never,omitempty"`
	// Conflict says what the host changed meanwhile.
	Conflict string `json:"conflict,omitempty"`
	// Merged: both changed it, and the changes go together.
	Merged bool `json:"merged,omitempty"`
	// Note is what is left out of it.
	Note string       `json:"note,omitempty"`
	From string       `json:"from,omitempty"`
	Old  *upper.State `json:"old,omitempty"`
	New  *upper.State `json:"new,omitempty"`
	// Files is how many files a deleted folder holds.
	Files int `json:"files,omitempty"`
	// Left is there for what is on the host already.
	Left *Left `json:"left,omitempty"`
	// diff is there in JSON.
	Diff string `json:"diff,omitempty"`

	change *upper.Change
	of     *Review // one of Linked
	// note: a file of .git that goes with the refs.
	note   bool
	merged string
}

// Review is what a layer holds, and what jails without one left.
type Review struct {
	Project string    `json:"project"`
	Since   time.Time `json:"since,omitzero"`
	// Items are sorted: those that wait for a yes come first.
	Items []*Item `json:"items"`
	// Git is what became of the repository.
	Git *repo.Unit `json:"git,omitempty"`
	// Touched counts files that are in the layer and as on the host.
	Touched int `json:"touched"`
	// Digest stands for all of it: apply takes it, and refuses if it is another.
	Digest string `json:"digest"`
	// Notes are about the whole, for people.
	Notes   []string   `json:"notes,omitempty"`
	Network []Decision `json:"network,omitempty"`

	// Linked are layers over git directories that lie outside of the project, as that of
	// a linked worktree's repository.
	Linked []*Review `json:"linked,omitempty"`

	o     Options
	dir   layer.Dir
	main  *Review    // of which this is one of Linked
	place repo.Place // of the repository below the layer
	base  layer.Base
	moved []string
	// own: the project has a git directory that is its own. none: there is no layer.
	own, none    bool
	inner        map[string]layer.Inner
	held         *upper.Held
	blobs        *repo.Blobs
	older        map[string]int64
	upper, lower *os.File
	lock         *os.File
}

// errNoLayer is returned where the project has none.
var errNoLayer = errors.New("this project has no layer")

// Lock is New for whoever applies or discards: no jail has the layer mounted
// until it is closed.
func Lock(o Options) (*Review, error) {
	if _, err := os.Stat(filepath.Join(o.Layer, "upper")); err != nil {
		return o.without(err)
	}
	lock, err := layer.Dir(o.Layer).Lock()
	if errors.Is(err, layer.ErrBusy) {
		return nil, hint.Add(err, "wait until it has ended: jailed-claude list")
	}
	if err != nil {
		return nil, err
	}
	return &Review{o: o, lock: lock, Project: o.Project, dir: layer.Dir(o.Layer), Notes: o.Notes}, nil
}

// without is a review of what jails without a layer left, or why there is none.
func (o Options) without(err error) (*Review, error) {
	r := &Review{o: o, Project: o.Project, dir: layer.Dir(o.Layer), Network: o.Network, Notes: o.Notes, none: true}
	if e := r.left(); e != nil {
		return nil, e
	}
	if len(r.Items) == 0 {
		if _, e := os.Stat(o.Left); e != nil || o.Left == "" || len(o.Others) > 0 {
			return nil, o.noLayer(err)
		}
	}
	r.Digest = r.digest()
	return r, nil
}

func (o Options) noLayer(err error) error {
	switch {
	case !errors.Is(err, os.ErrNotExist):
		return err
	case len(o.Others) > 0:
		var others []string
		for _, name := range o.Others {
			others = append(others, "it has another one: "+contract.ReviewCommand(contract.LayerDir("", name), o.Elsewhere))
		}
		return hint.Add(fmt.Errorf("%w of this name", errNoLayer), others...)
	}
	return hint.Add(errNoLayer, "a jail makes one: jailed-claude run --project-mode overlay")
}

// New reads a layer. A jail may have it mounted. Close it.
func New(o Options) (*Review, error) {
	if _, err := os.Stat(filepath.Join(o.Layer, "upper")); err != nil {
		return o.without(err)
	}
	r := &Review{o: o, Project: o.Project, dir: layer.Dir(o.Layer), Notes: o.Notes}
	if lock, err := r.dir.Lock(); errors.Is(err, layer.ErrBusy) {
		r.Notes = append(r.Notes, "a jail runs in this layer: what it holds may change")
	} else if err == nil {
		lock.Close()
	}
	if r.dir.Interrupted() {
		r.Notes = append(r.Notes, "an apply was interrupted: --apply finishes it, --undo takes it back")
	}
	if err := r.read(); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// Close closes what is open, and gives the lock back.
func (r *Review) Close() {
	for _, l := range r.Linked {
		l.Close()
	}
	r.Git.Close()
	r.blobs.Close()
	for _, f := range []*os.File{r.upper, r.lower, r.lock} {
		if f != nil {
			f.Close()
		}
	}
}

func (r *Review) keep() []*os.File {
	if r.main != nil {
		return r.main.keep()
	}
	if r.lock == nil {
		return nil
	}
	return []*os.File{r.lock}
}

// read reads all of it.
func (r *Review) read() (err error) {
	if r.base, err = r.dir.Base(); err != nil && !errors.Is(err, layer.ErrNoBase) {
		return err
	}
	r.base.Project = r.o.Project // another one is where it was before it was moved
	r.Since, r.Network = r.base.Time, r.o.Network
	below := layer.Below(r.o.Project, r.base)
	r.moved, r.inner = r.base.Since(below), below.Inner
	r.place = repo.Inside
	if err := errors.Join(r.changes(), r.linked(), r.left()); err != nil {
		return err
	}
	slices.SortStableFunc(r.Items, func(a, b *Item) int { return Rank(a) - Rank(b) })
	r.Digest = r.digest()
	return nil
}

// changes reads what the upper folder holds.
func (r *Review) changes() (err error) {
	r.older = r.dir.Older()
	if r.upper, err = beneath.Dir(r.dir.Upper()); err != nil {
		return err
	}
	if r.lower, err = beneath.Dir(r.o.Project); err != nil {
		return err
	}
	if r.own = r.main != nil; !r.own {
		own, err := upper.Stat(r.lower, dotGit)
		if err != nil {
			return err
		}
		r.own = own != nil && own.Kind == upper.Folder
	}
	// git reads objects; without a repository on the host they are files like others.
	r.held, err = upper.Read(r.upper, r.lower, upper.Options{Skip: func(p string) bool { return r.own && p == r.place.Path("objects") }})
	if err != nil {
		return err
	}
	r.Touched = len(r.held.Touched)
	r.Git, err = repo.Read(repo.Options{
		Layer: r.o.Layer, Project: r.o.Project, Place: r.place, Upper: r.upper, Lower: r.lower, Changes: r.held.Changes,
		Since: r.Since, Moved: slices.ContainsFunc(r.moved, func(m string) bool { return m != indexMoved }), Judge: r.top().judge, Keep: r.keep(),
	})
	if err != nil {
		return err
	}
	for _, c := range r.held.Changes {
		if i := r.item(c); i != nil {
			r.Items = append(r.Items, i)
		}
	}
	if r.main == nil {
		r.bare()
	}
	if err := r.conflicts(); err != nil {
		return err
	}
	if r.Git.Empty() {
		r.Git.Close()
		r.Git = nil
	}
	return nil
}

// indexMoved is what layer.Base.Since calls it.
const indexMoved = "the index"

const dotGit = ".git"

// item is what a change is; nil for what is part of the repository's unit.
func (r *Review) item(c *upper.Change) *Item {
	i := &Item{Path: c.Path, Old: c.Old, New: c.New, From: c.From, Files: c.Files, change: c, What: what(c)}
	if r.own {
		if c.Path == dotGit && c.New != nil && c.New.Kind == upper.Folder {
			return nil
		}
		if below, ok := r.place.Name(c.Path); ok || r.main != nil {
			var unit bool
			if unit, i.note = repo.Of(below); unit && ok {
				return nil
			}
			switch i.note = i.note && ok; {
			case !ok:
				i.Why = "it belongs to another working tree of the repository"
			case !i.note:
				i.Why = judge.GitWhy(below, r.o.Trusted)
			}
			r.limits(i)
			return i
		}
	}
	i.Why, i.Follows = r.judge(c.Path), c.New != nil && r.o.Follows != nil && r.o.Follows(c.Path)
	c.Below(func(path string, _ *upper.State) {
		if i.Why == "" {
			if why := r.judge(path); why != "" {
				i.Why = fmt.Sprintf("it holds %s: %s", strings.TrimPrefix(path, c.Path+"/"), why)
			}
		}
	})
	r.limits(i)
	return i
}

// limits says what of an item cannot be applied.
func (r *Review) limits(i *Item) {
	c := i.change
	switch {
	case c.Unreadable != "":
		i.Never = "it cannot be read: " + c.Unreadable
	case c.New == nil:
	case !c.New.Kind.Plain():
		i.Never = "a " + string(c.New.Kind) + " is not applied"
	case c.New.Kind == upper.Symlink && i.Why == "" && repo.Outside(c.Path, c.New.Target):
		i.Why = "a symlink that leads out of the project"
	case c.New.Kind == upper.Symlink && i.Why == "" && judge.LeadsToGit(c.Path, c.New.Target):
		i.Why = "a symlink to git's own files"
	case c.New.Kind == upper.File && c.New.Mode&^upper.Permissions != 0:
		i.Note = "setuid, setgid and sticky bits are left out"
	}
}

func what(c *upper.Change) string {
	switch {
	case c.New == nil:
		return "deleted"
	case c.Old == nil && c.From != "":
		return "renamed"
	case c.Old == nil:
		return "added"
	case c.Old.Kind != c.New.Kind:
		return "replaced"
	case c.Old.Digest == c.New.Digest && c.Old.Mode != c.New.Mode:
		return "mode"
	}
	return "changed"
}

// digest is that of what would be applied.
func (r *Review) digest() string {
	h := sha256.New()
	for _, i := range r.Items {
		fmt.Fprintf(h, "%q %s", i.Path, i.What)
		if i.Left != nil {
			fmt.Fprintf(h, " on the host, %s", i.Left.Was)
		}
		for _, s := range []*upper.State{i.Old, i.New} {
			if s != nil {
				fmt.Fprintf(h, " %s %o %s", s.Kind, s.Mode, s.Digest)
			}
		}
		h.Write([]byte{'\n'})
	}
	if r.Git != nil {
		for _, f := range r.Git.Refs {
			fmt.Fprintf(h, "%q %s %s\n", f.Name, f.Old, f.New)
		}
		fmt.Fprintf(h, "%q %q %q\n", r.Git.Head, r.Git.Staged, r.Git.Settings)
	}
	for _, l := range r.Linked {
		fmt.Fprintf(h, "%q %s\n", l.Project, l.digest())
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// Empty tells whether the layer holds no change.
func (r *Review) Empty() bool {
	return len(r.Items) == 0 && r.Git == nil && !slices.ContainsFunc(r.Linked, func(l *Review) bool { return !l.Empty() })
}
