package review

import (
	"errors"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/bundle/review/apply"
	"github.com/jailed-claude/jailed-claude/bundle/review/repo"
	"github.com/jailed-claude/jailed-claude/bundle/review/upper"
	"github.com/jailed-claude/jailed-claude/internal/beneath"
	"github.com/jailed-claude/jailed-claude/internal/gitindex"
	"github.com/jailed-claude/jailed-claude/internal/paths"
)

// plan gathers what is done.
type plan struct {
	r       *Review
	w       *Wanted
	work    *apply.Work
	j       apply.Journal
	content map[int]string
	waiting int
	failed  []apply.Failure
}

// idle: there is nothing to do.
func (p *plan) idle() bool { return len(p.j.Ops) == 0 && len(p.j.Refs) == 0 && len(p.j.Drop) == 0 }

// items makes operations of what is ordinary, and of what got a yes.
func (p *plan) items() {
	r, w := p.r, p.w
	p.content = map[int]string{}
	p.j.Dirs = r.held.Dirs
	chosen := map[string]*Item{}
	folders := map[string]*Item{}
	var waiting []string
	for _, i := range r.Items {
		if i.New != nil && i.New.Kind == upper.Folder && (i.Old == nil || i.Old.Kind != upper.Folder) {
			folders[i.Path] = i
		}
		if i.note || !w.Wants(i.Path) && !in(w.Executes, i.Path) {
			continue
		}
		if i.Why != "" && !in(w.Executes, i.Path) {
			waiting = append(waiting, i.Path)
			continue
		}
		switch {
		case i.Never != "":
			p.waiting++
		case i.Conflict != "" && !in(w.Over, i.Path):
			p.failed = append(p.failed, apply.Failure{Path: i.Path, Why: i.Conflict})
		default:
			chosen[i.Path] = i
		}
	}
	// A new folder comes for what is in it, or if it is empty.
	needed := map[string]bool{}
	for path, i := range chosen {
		if folders[path] == nil || r.emptyInLayer(path) {
			needed[path] = true
		}
		if i.New == nil {
			continue
		}
		for d := parent(path); d != ""; d = parent(d) {
			if f := folders[d]; f != nil && needed[path] && (f.Old == nil || chosen[d] != nil) && f.Never == "" {
				needed[d] = true
				chosen[d] = f
			}
		}
	}
	// A folder that waits comes with a file of it that got a yes.
	p.waiting += len(slices.DeleteFunc(waiting, func(path string) bool { return needed[path] }))
	for _, path := range slices.SortedFunc(maps.Keys(needed), paths.Compare) {
		i := chosen[path]
		op := apply.Op{Path: path, Old: i.Old, New: i.New}
		if i.Merged {
			p.content[len(p.j.Ops)] = i.merged
			op.New, op.Made = state(i.merged, i.New.Mode), true
		}
		op.Meaning = r.meaning(i)
		p.j.Ops = append(p.j.Ops, op)
	}
	if len(w.Paths) == 0 {
		p.j.Drop = slices.DeleteFunc(slices.Clone(r.held.Touched), func(t string) bool { return r.main != nil || strings.HasPrefix(t, dotGit+"/") })
	}
}

func parent(p string) string {
	if d := path.Dir(p); d != "." {
		return d
	}
	return ""
}

// emptyInLayer: nothing else is changed in a folder.
func (r *Review) emptyInLayer(dir string) bool {
	return !slices.ContainsFunc(r.Items, func(i *Item) bool { return strings.HasPrefix(i.Path, dir+"/") })
}

func state(text string, mode uint32) *upper.State {
	return &upper.State{Kind: upper.File, Mode: mode & upper.Permissions, Size: int64(len(text)), Digest: upper.Digest([]byte(text)), Modified: time.Now().UnixNano()}
}

// git adds what belongs to the repository, and brings its objects over.
func (p *plan) git(work *apply.Work) error {
	u := p.r.Git
	if u != nil && u.Problem != "" && p.wantsGit() {
		return errors.New(u.Problem)
	}
	if !p.wantsGit() {
		return nil
	}
	if u == nil {
		p.notes()
		return nil
	}
	yes := func(path string) bool { return in(p.w.Executes, path) }
	refs, left := u.Wanted(yes)
	for _, r := range left {
		if r.Conflict != "" {
			p.failed = append(p.failed, apply.Failure{Path: r.Name, Why: r.Conflict})
		} else {
			p.waiting++
		}
	}
	head := u.HeadReady(left)
	staged := yes
	// While git is at work on the host, the index is its own.
	busy, err := upper.Stat(p.r.lower, p.r.place.Path("index.lock"))
	if err != nil {
		return err
	}
	if !head || busy != nil || slices.Contains(p.r.moved, indexMoved) {
		staged = nil
	}
	if err := u.Objects(refs, staged); err != nil {
		return err
	}
	if work.Step != nil {
		work.Step("objects")
	}
	p.j.Refs = refs
	whole := len(left) == 0
	if u.Head != "" {
		if head {
			p.make("HEAD", []byte(u.Head+"\n"), false)
		} else if u.HeadConflict != "" {
			p.failed = append(p.failed, apply.Failure{Path: p.r.place.Path("HEAD"), Why: u.HeadConflict})
		}
	}
	if len(u.Staged) > 0 {
		if whole = whole && staged != nil; staged == nil && !head && u.HeadConflict == "" && !conflicts(left) {
			p.waiting++
		} else if staged == nil {
			p.failed = append(p.failed, apply.Failure{Path: p.r.place.Path("index"), Why: "the host's index or branch was changed meanwhile; git status shows what is staged in the layer as not staged"})
		} else if data, err := u.Index(yes); err != nil {
			return err
		} else if data != nil {
			p.make("index", data, false)
			if n := len(p.j.Ops) - 1; n >= 0 && p.j.Ops[n].Path == p.r.place.Path("index") {
				p.meaning(&p.j.Ops[n], data, u.ObjectName())
			}
		}
	}
	heldKeys := 0
	data, err := u.Config(func(s repo.Setting) bool {
		ok := s.Held == "" || yes(p.r.place.Path("config"))
		if !ok {
			heldKeys++
		}
		return ok
	})
	if err != nil {
		return err
	}
	p.waiting += heldKeys
	if heldKeys < len(u.Settings) {
		p.make("config", data, heldKeys > 0)
	}
	if head {
		p.notes()
	}
	if whole && head {
		for _, n := range []string{"refs", "packed-refs", "logs", "objects", "index"} {
			p.j.Take = append(p.j.Take, p.r.place.Path(n))
		}
		if p.r.place.Own != p.r.place.Common {
			p.j.Take = append(p.j.Take, p.r.place.Own+"logs")
		}
		for _, c := range p.r.held.Changes {
			if strings.HasPrefix(c.Path, p.r.place.Path("sharedindex.")) {
				p.j.Take = append(p.j.Take, c.Path)
			}
		}
	}
	return nil
}

// notes are what git leaves itself in files of .git, such as a merge that goes on.
func (p *plan) notes() {
	for _, i := range p.r.Items {
		if i.note && i.Never == "" && i.Conflict == "" {
			p.j.Ops = append(p.j.Ops, apply.Op{Path: i.Path, Old: i.Old, New: i.New, Last: true})
		}
	}
}

// meaning has an operation take an index that git writes anew, by "git status" while what
// was interrupted waits, for the one that was there.
func (p *plan) meaning(o *apply.Op, index []byte, size int) {
	o.Meaning = apply.Meaning(index, size)
	if o.Old == nil {
		return
	}
	const most = 1 << 30
	if now, _, err := beneath.Read(p.r.lower, o.Path, most); err == nil && upper.Digest(now) == o.Old.Digest {
		if before := apply.Meaning(now, size); before != o.Meaning {
			o.Before = before
		}
	}
}

// meaning is that of the index of a worktree or submodule: git writes its times anew.
func (r *Review) meaning(i *Item) string {
	if !r.own || r.main != nil || i.New == nil || i.New.Kind != upper.File || i.New.Size > maxMerge || path.Base(i.Path) != "index" ||
		!strings.HasPrefix(i.Path, dotGit+"/worktrees/") && !strings.HasPrefix(i.Path, dotGit+"/modules/") {
		return ""
	}
	data, _, err := beneath.Read(r.upper, i.Path, maxMerge)
	if err != nil {
		return ""
	}
	config, _, _ := beneath.Read(r.lower, dotGit+"/config", maxMerge)
	return apply.Meaning(data, 2*gitindex.NameSize(string(config)))
}

func (p *plan) wantsGit() bool {
	if p.r.main != nil {
		return p.w.Wants(".")
	}
	return p.w.Wants(dotGit)
}

func conflicts(refs []*repo.Ref) bool {
	return slices.ContainsFunc(refs, func(r *repo.Ref) bool { return r.Conflict != "" })
}

// make adds a file of .git that is put together here.
func (p *plan) make(name string, data []byte, stay bool) {
	full := p.r.place.Path(name)
	op := apply.Op{Path: full, Made: true, Last: true, Stay: stay, New: state(string(data), 0o644)}
	if s, err := upper.Lookup(p.r.lower, full); err == nil && s != nil {
		op.Old, op.New.Mode = s, s.Mode&upper.Permissions
		if s.Digest == op.New.Digest {
			return
		}
	}
	p.content[len(p.j.Ops)] = string(data)
	p.j.Ops = append(p.j.Ops, op)
}

// made writes what is not the layer's.
func (p *plan) made(work *apply.Work) error {
	for n, text := range p.content {
		if err := work.Made(n, []byte(text), p.j.Ops[n].New.Mode); err != nil {
			return err
		}
	}
	return nil
}
