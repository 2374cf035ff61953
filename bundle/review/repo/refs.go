package repo

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/bundle/review/apply"
)

// oldTips are the host's own objects, each with a "^".
func (u *Unit) oldTips() []string {
	var tips []string
	for _, s := range u.host {
		if object().MatchString(s.value) {
			tips = append(tips, "^"+s.value)
		}
	}
	if head, err := content(u.o.Lower, u.o.Place.Path("HEAD"), maxSmall); err == nil && object().MatchString(strings.TrimSpace(string(head))) {
		tips = append(tips, "^"+strings.TrimSpace(string(head)))
	}
	slices.Sort(tips)
	return slices.Compact(tips)
}

func (u *Unit) readHead() error {
	c := u.v.changed[u.o.Place.Path("HEAD")]
	if c == nil {
		return nil
	}
	data, err := u.v.read(u.o.Place.Path("HEAD"), maxSmall)
	if err != nil {
		return err
	}
	text := strings.TrimSpace(string(data))
	u.Head = text
	target, isRef := strings.CutPrefix(text, "ref: ")
	switch {
	case isRef && (!plainName(target) || !strings.HasPrefix(target, "refs/heads/")), !isRef && !object().MatchString(text):
		u.HeadConflict = "it names no branch and no commit"
	case c.Newest >= u.o.Since.UnixNano() && u.o.Moved:
		u.HeadConflict = "the host's HEAD was changed meanwhile"
	}
	return nil
}

// commits are the latest that are shown of one ref.
const commits = "100"

func (u *Unit) readRef(r *Ref, host says) error {
	moved := host.changed >= u.o.Since.UnixNano() && (u.o.Moved || u.o.Place != Inside || strings.HasPrefix(r.Name, "refs/remotes/"))
	switch {
	case !plainName(r.Name):
		return errors.New("git would not take it for a name of a ref")
	case strings.HasPrefix(r.Name, "refs/replace/"):
		return errors.New("refs/replace changes the objects that git shows; make it yourself if it is wanted")
	case r.New == "" && moved:
		return errors.New("the host's ref was changed meanwhile")
	case r.New == "":
		return nil
	}
	for _, value := range []string{r.Old, r.New} {
		if value != "" && !object().MatchString(value) && !symbolic().MatchString(value) {
			return errors.New("what it says is no object")
		}
		if strings.HasPrefix(value, "ref: ") {
			return errors.New("it is a symbolic ref; set it with: git symbolic-ref")
		}
	}
	if len(r.New) != u.oidSize {
		return errors.New("what it says is no object of this repository")
	}
	commit, err := u.g.run(nil, nil, "rev-parse", "--quiet", "--verify", r.New+"^{commit}")
	if err != nil {
		return fmt.Errorf("it leads to no commit: %w", err)
	}
	commit = strings.TrimSpace(commit)
	if r.Old != "" {
		_, err := u.g.run(nil, nil, "merge-base", "--is-ancestor", r.Old, r.New)
		if r.Rewritten = code(err) == 1; err != nil && !r.Rewritten {
			return err
		}
		if r.Rewritten && moved {
			return errors.New("the host's ref was changed meanwhile, and the layer's does not contain that")
		}
	}
	if r.Name == "refs/stash" {
		u.stash(r)
	}
	if err := u.readCommits(r, commit); err != nil {
		return err
	}
	return u.readHeld(r, commit)
}

func (u *Unit) readCommits(r *Ref, commit string) error {
	out, err := u.g.run(nil, lines([]string{commit}, u.oldTips()), "rev-list", "--count", "--stdin")
	if err != nil {
		return err
	}
	if r.Count = number(out); r.Count == 0 {
		return nil
	}
	out, err = u.g.run(nil, lines([]string{commit}, u.oldTips()), "log", "-z", "--stdin", "--max-count="+commits, "--no-color", "--no-decorate", "--encoding=UTF-8", "--format=tformat:%H%x01%an <%ae>%x01%at%x01%s")
	if err != nil {
		return err
	}
	for rec := range strings.SplitSeq(out, "\x00") {
		if f := strings.SplitN(rec, "\x01", 4); len(f) == 4 {
			r.Commits = append(r.Commits, Commit{ID: f[0], Author: f[1], Time: time.Unix(int64(number(f[2])), 0).UTC(), Subject: f[3]})
		}
	}
	return nil
}

// readHeld finds what a checkout of the ref would bring into the working tree
// that the host executes or trusts.
func (u *Unit) readHeld(r *Ref, commit string) error {
	from := r.Old
	if from == "" {
		if head := u.hostHead(); head != "" {
			if out, err := u.g.run(nil, nil, "merge-base", head, commit); err == nil {
				from = strings.TrimSpace(out)
			}
		}
	}
	if from == "" {
		tree, err := u.g.run(nil, strings.NewReader(""), "mktree")
		if err != nil {
			return err
		}
		from = strings.TrimSpace(tree)
	}
	args := []string{"diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-abbrev", from, commit}
	out, err := u.g.run(nil, nil, args...)
	if err != nil {
		return err
	}
	fields := strings.Split(out, "\x00")
	for i := 0; i+1 < len(fields); i += 2 {
		f := strings.Fields(strings.TrimPrefix(fields[i], ":"))
		if len(f) < 5 {
			continue
		}
		if why := u.entryHeld(fields[i+1], f[0], f[1], f[3]); why != "" {
			r.Held = append(r.Held, Reason{fields[i+1], why})
		}
	}
	return nil
}

// entryHeld says why an entry of a tree or an index waits for a yes.
func (u *Unit) entryHeld(name, oldMode, newMode, oid string) string {
	const gitlink, link = "160000", "120000"
	if why := u.o.Judge(name); why != "" {
		return why
	}
	switch {
	case newMode == gitlink && oldMode != gitlink:
		return "a link to another git repository"
	case newMode == link:
		target, err := u.g.run(nil, nil, "cat-file", "blob", oid)
		if err != nil || Outside(name, target) {
			return "a symlink that leads out of the project"
		}
	}
	return ""
}

// Outside tells whether a symlink at a relative path leads out of the folder that the path is
// relative to.
func Outside(name, target string) bool {
	if path.IsAbs(target) {
		return true
	}
	to := path.Join(path.Dir(name), target)
	return to == ".." || strings.HasPrefix(to, "../")
}

// hostHead is the commit that the host's HEAD leads to.
func (u *Unit) hostHead() string {
	data, err := content(u.o.Lower, u.o.Place.Path("HEAD"), maxSmall)
	if err != nil {
		return ""
	}
	text := strings.TrimSpace(string(data))
	if target, ok := strings.CutPrefix(text, "ref: "); ok {
		text = u.host[target].value
	}
	if !object().MatchString(text) {
		return ""
	}
	return text
}

// stash finds the lines that the layer added to the history of the stash, the
// oldest first. Where lines were taken away only the last one counts.
func (u *Unit) stash(r *Ref) {
	log := u.o.Place.Path("logs/refs/stash")
	before, err := content(u.o.Lower, log, maxSmall)
	if err != nil {
		return
	}
	after, err := u.v.read(log, maxSmall)
	added, ok := strings.CutPrefix(string(after), string(before))
	if err != nil || !ok {
		return
	}
	for l := range strings.Lines(added) {
		head, message, _ := strings.Cut(strings.TrimSuffix(l, "\n"), "\t")
		f := strings.Fields(head)
		if len(f) < 2 || !object().MatchString(f[1]) {
			r.steps = nil
			return
		}
		r.steps = append(r.steps, apply.Entry{Object: f[1], Message: message})
	}
	if n := len(r.steps); n == 0 || r.steps[n-1].Object != r.New {
		r.steps = nil
	}
}
