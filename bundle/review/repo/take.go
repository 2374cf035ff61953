package repo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle/review/apply"
	"github.com/jailed-claude/jailed-claude/internal/beneath"
)

// Wanted are the refs that can be moved now. yes says yes to what waits for one.
func (u *Unit) Wanted(yes func(path string) bool) (wanted []apply.Ref, left []*Ref) {
	for _, r := range u.Refs {
		if !r.ready(yes) {
			left = append(left, r)
			continue
		}
		wanted = append(wanted, apply.Ref{Name: r.Name, Old: r.Old, New: r.New, Steps: r.steps})
	}
	return wanted, left
}

// ready tells whether the ref can be moved.
func (r *Ref) ready(yes func(path string) bool) bool {
	for _, h := range r.Held {
		if !yes(h.Path) {
			return false
		}
	}
	return r.Conflict == ""
}

// HeadReady tells whether HEAD can be moved when these refs are.
func (u *Unit) HeadReady(left []*Ref) bool {
	if u.HeadConflict != "" {
		return false
	}
	target := u.branch()
	for _, r := range left {
		if r.Name == target {
			return false
		}
	}
	return true
}

// branch is what the layer's HEAD names.
func (u *Unit) branch() string {
	if u.Head == "" {
		return u.hostBranch()
	}
	target, _ := strings.CutPrefix(u.Head, "ref: ")
	return target
}

// ObjectName is how many digits the name of an object has.
func (u *Unit) ObjectName() int { return u.oidSize }

// few is how many objects are kept as files of their own, as by git-fetch(1).
const few = 100

// Objects brings over what refs and the index need. Each object is checked as
// git-fetch(1) does it with fetch.fsckObjects: names that some system takes for
// .git are refused, and so is what is not what its name says. What is not whole
// is not brought over.
func (u *Unit) Objects(refs []apply.Ref, index func(path string) bool) error {
	var tips []string
	for _, r := range refs {
		if r.New != "" {
			tips = append(tips, r.New)
		}
		for _, s := range r.Steps {
			tips = append(tips, s.Object)
		}
	}
	if object().MatchString(u.Head) {
		tips = append(tips, u.Head)
	}
	if index != nil {
		tips = append(tips, u.stagedObjects(index)...)
	}
	if len(tips) == 0 {
		return nil
	}
	old := u.oldTips()
	out, err := u.g.run(nil, lines(tips, old), "rev-list", "--objects", "--count", "--stdin")
	if err != nil {
		return err
	}
	count := number(out)
	if count == 0 {
		return nil
	}
	// The one that writes has the host's objects alone.
	host := []string{"GIT_OBJECT_DIRECTORY=" + u.objects()}
	to := []string{"index-pack", "--stdin", "--fix-thin", "--strict"}
	if count < few {
		to = []string{"unpack-objects", "-q", "--strict"}
	}
	shared, err := u.shared()
	if err != nil {
		return err
	}
	if err := u.pipe(lines(tips, old), append(shared, host...), to...); err != nil {
		return fmt.Errorf("commits of the layer: %w", err)
	}
	if _, err := u.g.run(host, lines(tips, old), "rev-list", "--objects", "--quiet", "--stdin"); err != nil {
		return fmt.Errorf("commits of the layer are not whole: %w", err)
	}
	return nil
}

// shared has git give others what the host's repository gives them; our own git
// directory says nothing of that.
func (u *Unit) shared() (env []string, err error) {
	text, err := content(u.o.Lower, u.o.Place.Path("config"), maxSmall)
	if err != nil {
		return nil, err
	}
	host, err := u.variables(text)
	if v := host["core.sharedrepository"]; len(v) > 0 {
		env = []string{"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=core.sharedRepository", "GIT_CONFIG_VALUE_0=" + v[len(v)-1]}
	}
	return env, err
}

// pipe packs objects for another git.
func (u *Unit) pipe(revs io.Reader, env []string, to ...string) error {
	from := u.g.command(u.g.dir, nil, "pack-objects", "--revs", "--stdout", "--thin", "--delta-base-offset", "-q")
	into := u.g.command(u.g.dir, env, to...)
	var failedFrom, failedInto bytes.Buffer
	from.Stdin, from.Stderr, into.Stderr = revs, &failedFrom, &failedInto
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	from.Stdout, into.Stdin = w, r
	err = from.Start()
	if err == nil {
		if err = into.Start(); err != nil {
			r.Close()
			w.Close()
			_ = from.Wait()
			return err
		}
	}
	r.Close()
	w.Close()
	if err != nil {
		return err
	}
	errFrom, errInto := from.Wait(), into.Wait()
	if errInto != nil {
		return problem(to[0], failedInto.String(), errInto)
	}
	if errFrom != nil {
		return problem("pack-objects", failedFrom.String(), errFrom)
	}
	return nil
}

// Mover moves refs of the project of a layer. It works without a Unit, since an
// apply that was ended is finished without one.
func Mover(layer, project string, place Place, keep []*os.File) func(refs []apply.Ref, back bool) error {
	return func(refs []apply.Ref, back bool) error {
		scratch, err := os.MkdirTemp(layer, "git-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(scratch)
		g, err := newGit(scratch, project, false)
		if err != nil {
			return err
		}
		g.keep = keep
		dir := filepath.Join(project, place.Own)
		if fi, err := os.Lstat(dir); err != nil || !fi.IsDir() {
			return errors.Join(fmt.Errorf("%q is no folder", dir), err)
		}
		if err := move(g, dir, refs, back); err != nil || !back {
			return err
		}
		return inLayer(filepath.Join(layer, "upper"), place, refs)
	}
}

// inLayer gives refs of the layer that were taken back a file each, or a whiteout:
// the host's may have got one where both had them packed.
func inLayer(up string, place Place, refs []apply.Ref) error {
	root, err := beneath.Dir(up)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, r := range refs {
		if !plainName(r.Name) {
			continue
		}
		dir, base, err := beneath.Parent(root, place.Path(r.Name), 0o755)
		if err != nil {
			return fmt.Errorf("%s in the layer: %w", r.Name, err)
		}
		if r.New != "" {
			err = beneath.Create(dir, base, []byte(r.New+"\n"), 0o644)
		} else {
			err = unix.Mknodat(int(dir.Fd()), base, unix.S_IFCHR, 0)
		}
		dir.Close()
		if err != nil && !errors.Is(err, os.ErrExist) { // the layer's own is newer
			return fmt.Errorf("%s in the layer: %w", r.Name, err)
		}
	}
	return nil
}

func move(g *git, dir string, refs []apply.Ref, back bool) error {
	var b strings.Builder
	b.WriteString("start\n")
	n := 0
	for _, r := range refs {
		from, to := r.Old, r.New
		if back {
			from, to = to, from
		}
		now, err := g.in(dir, nil, nil, "rev-parse", "--quiet", "--verify", r.Name)
		if err != nil && code(err) != 1 {
			return err
		}
		now = strings.TrimSpace(now)
		if now == to {
			continue
		}
		if len(r.Steps) > 0 {
			if err := stash(g, dir, r, now, back); err != nil {
				return err
			}
			continue
		}
		if now != from {
			return fmt.Errorf("%s was changed meanwhile", r.Name)
		}
		n++
		switch {
		case to == "":
			fmt.Fprintf(&b, "delete %s %s\n", r.Name, from)
		case from == "":
			fmt.Fprintf(&b, "create %s %s\n", r.Name, to)
		default:
			fmt.Fprintf(&b, "update %s %s %s\n", r.Name, to, from)
		}
	}
	if n == 0 {
		return nil
	}
	b.WriteString("prepare\ncommit\n")
	message := "jailed-claude: applied"
	if back {
		message = "jailed-claude: taken back"
	}
	_, err := g.in(dir, nil, strings.NewReader(b.String()), "update-ref", "-m", message, "--stdin")
	return err
}

// stash pushes the entries of a stash one by one, or drops them. now is how far
// that came before.
func stash(g *git, dir string, r apply.Ref, now string, back bool) error {
	at := slices.IndexFunc(r.Steps, func(s apply.Entry) bool { return s.Object == now }) // -1: none
	if at < 0 && now != r.Old {
		return fmt.Errorf("%s was changed meanwhile", r.Name)
	}
	if back {
		for ; at >= 0; at-- {
			if _, err := g.in(dir, nil, nil, "reflog", "delete", "--updateref", "--rewrite", r.Name+"@{0}"); err != nil {
				return err
			}
		}
		if r.Old == "" {
			_, err := g.in(dir, nil, nil, "update-ref", "-d", r.Name)
			return err
		}
		return nil
	}
	for _, s := range r.Steps[at+1:] {
		if now == "" {
			now = strings.Repeat("0", len(s.Object))
		}
		if _, err := g.in(dir, nil, nil, "update-ref", "--create-reflog", "-m", s.Message, r.Name, s.Object, now); err != nil {
			return err
		}
		now = s.Object
	}
	return nil
}
