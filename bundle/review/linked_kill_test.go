package review

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/bundle/layer"
	"github.com/jailed-claude/jailed-claude/bundle/review/apply"
)

// pair is a linked worktree with layers over it and over the git directory of its
// repository, and a copy of all that to go back to.
type pair struct {
	*world
	root, copy string
}

// newPair has the jails of scripts work in it; all of them but the last are applied.
func newPair(t *testing.T, scripts ...string) *pair {
	t.Helper()
	root := filepath.Join(inMemory(t), "root")
	w := &world{t: t, project: filepath.Join(root, "tree"), layer: filepath.Join(root, "state", "layer"), git: filepath.Join(root, "repo", ".git"), trusted: func(string) string { return "" }}
	repo := *w
	repo.project = filepath.Dir(w.git)
	for _, d := range []string{repo.project, filepath.Dir(w.layer)} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	repo.host("git init -q -b main; echo a >a; echo b >b; mkdir d e; echo in >d/in; echo in >e/in; git add -A; git commit -qm first; git worktree add -q ../tree -b topic; chmod 555 ../tree/d ../tree/e")
	w.begin()
	for i, script := range scripts {
		if i > 0 {
			w.apply(Wanted{})
		}
		w.jail(script)
	}
	p := &pair{world: w, root: root, copy: filepath.Join(filepath.Dir(root), "copy")}
	p.clone(root, p.copy)
	p.back()
	return p
}

func (p *pair) clone(from, to string) {
	p.t.Helper()
	if out, err := exec.Command("sh", "-c", `[ ! -e "$1" ] || chmod -R u+rwx "$1"; rm -rf "$1"; find "$0" -path '*/work/work' -exec chmod 700 {} +; cp -a "$0" "$1"`, from, to).CombinedOutput(); err != nil {
		p.t.Fatalf("%v: %s", err, out)
	}
}

// back puts all back as it was.
func (p *pair) back() {
	p.t.Helper()
	p.clone(p.copy, p.root)
	p.begin()
}

// whole is the state of the host: files, and what git says in both working trees.
func (p *pair) whole() string {
	p.t.Helper()
	state := strings.ReplaceAll(gitState, "cat .git/HEAD", `cat "$(git rev-parse --git-dir)/HEAD"`)
	all := p.files()
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b.WriteString(name + " " + all[name])
	}
	fmt.Fprintf(&b, "\n%s\n%s", p.host(state), p.host("cd ../repo; "+state+"; git stash list --format=%gd:%gs"))
	return b.String()
}

// steps are the names of the steps of something.
func (p *pair) steps(do func(step func(string))) (names []string) {
	p.t.Helper()
	do(func(name string) { names = append(names, name) })
	return names
}

// points are those at which it is killed: all that is not about one file, and some of
// the rest.
func points(names []string) (at []int) {
	for i, name := range names {
		if os.Getenv("JAIL_TEST_SOAK") != "" || i%25 == 0 || !slices.Contains([]string{"staged", "swapped", "checked", "kept", "op", "swapped back", "checked back", "op back"}, name) {
			at = append(at, i+1)
		}
	}
	return at
}

func (p *pair) undone(what string, step func(string)) {
	p.t.Helper()
	d, err := p.locked(func(r *Review) (apply.Done, error) { return r.Undo(step) })
	if err != nil || len(d.Failed) > 0 {
		p.t.Errorf("%s: undo: %q %v", what, d.Failed, err)
	}
}

func (p *pair) applied(what string, step func(string)) {
	p.t.Helper()
	d, err := p.locked(func(r *Review) (apply.Done, error) { return r.Apply(Wanted{Step: step}) })
	if err != nil || len(d.Failed) > 0 {
		p.t.Errorf("%s: apply: %q %v", what, d.Failed, err)
	}
}

const pairScript = `
echo more >>a; rm b; echo c >c; chmod u+w d e; rm -r d; echo more >>e/in; echo new >e/new; chmod u-w e; git add -A; git commit -qm second; git switch -qc other; git tag t
echo gone >gone; git add gone; git stash -q; echo staged >s; git add s; echo dirty >>a
`

// TestKilledLinked: of a linked worktree an apply, and taking it back, write two journals.
// Killed at whatever step, also between the two, all of it can be finished, and all of it
// can be taken back.
func TestKilledLinked(t *testing.T) {
	needGit(t)
	p := newPair(t, pairScript)
	before, layerBefore := p.whole(), p.lines()
	names := p.steps(func(step func(string)) { p.applied("whole", step) })
	after := p.whole()
	if before == after || strings.Count(strings.Join(names, "\n"), "journal") != 2 {
		t.Fatalf("%q\n%s", names, after)
	}
	same := func(what, want string) {
		t.Helper()
		if got := p.whole(); got != want {
			sameTree(t, what, got, want)
		}
		if want == before && !slices.Equal(p.lines(), layerBefore) {
			t.Errorf("%s: the layer has %q, not %q", what, p.lines(), layerBefore)
		}
		if want == after && !p.review().Empty() {
			t.Errorf("%s: the layer still has %q", what, p.lines())
		}
		if layer.Dir(p.layer).Interrupted() {
			t.Errorf("%s: it waits to be finished", what)
		}
	}
	for i, n := range points(names) {
		what := fmt.Sprintf("killed at step %d (%s) of apply", n, names[n-1])
		p.back()
		if !p.end("apply", n) {
			t.Fatalf("not %s", what)
		}
		if i%2 == 0 {
			p.applied(what, nil)
			same(what+", applied", after)
			p.undone(what, nil)
			same(what+", applied, taken back", before)
		} else if _, err := p.locked(func(r *Review) (apply.Done, error) { return r.Undo(nil) }); err != nil && !errors.Is(err, apply.ErrNone) {
			t.Errorf("%s: %v", what, err)
		} else {
			same(what+", taken back", before)
			p.applied(what, nil)
			same(what+", taken back, applied", after)
		}
		if t.Failed() {
			return
		}
	}
	p.back()
	p.applied("whole", nil)
	names = p.steps(func(step func(string)) { p.undone("whole", step) })
	same("taken back", before)
	for i, n := range points(names) {
		what := fmt.Sprintf("killed at step %d (%s) of undo", n, names[n-1])
		p.back()
		p.applied(what, nil)
		if !p.end("undo", n) {
			t.Fatalf("not %s", what)
		}
		interrupted := layer.Dir(p.layer).Interrupted()
		switch now := p.whole(); {
		case i%2 == 0 && now != before:
			p.undone(what, nil)
			same(what+", again", before)
		case interrupted:
			p.applied(what, nil) // goes on with it
			same(what+", applied", before)
		case now == before:
			same(what, before)
		default:
			p.applied(what, nil)
			same(what+", before it was begun", after)
		}
		if t.Failed() {
			return
		}
	}
}

// TestKilledSecond: a second apply that is killed leaves of the first one all or nothing to
// be taken back.
func TestKilledSecond(t *testing.T) {
	needGit(t)
	p := newPair(t, pairScript, "echo new >new; git add new; git commit -qm third; echo again >>c")
	p.undone("the first", nil)
	before := p.whole()
	p.back()
	first := p.whole()
	names := p.steps(func(step func(string)) { p.applied("whole", step) })
	after := p.whole()
	for _, n := range points(names) {
		what := fmt.Sprintf("killed at step %d (%s)", n, names[n-1])
		p.back()
		if !p.end("apply", n) {
			t.Fatalf("not %s", what)
		}
		p.undone(what, nil)
		if now := p.whole(); now != before && now != first {
			sameTree(t, what+", taken back: half", now, first)
		}
		p.applied(what, nil)
		if now := p.whole(); now != after {
			sameTree(t, what+", applied", now, after)
		}
		if t.Failed() {
			return
		}
	}
}

// TestUndoBothWays: where an apply was killed, and taking that back too, one journal may
// say back and the other one not yet. What goes on with them takes all of it back.
func TestUndoBothWays(t *testing.T) {
	needGit(t)
	p := newPair(t, pairScript)
	before := p.whole()
	names := p.steps(func(step func(string)) { p.applied("whole", step) })
	after := p.whole()
	at := slices.Index(names, "swapped") + 1
	p.back()
	if !p.end("apply", at) {
		t.Fatal("not killed")
	}
	both := 0
	for n, name := range p.steps(func(step func(string)) { p.undone("whole", step) }) {
		if name == "op back" || name == "checked back" || name == "swapped back" {
			continue
		}
		what := fmt.Sprintf("killed at step %d (%s) of taking back half an apply", n+1, name)
		p.back()
		if !p.end("apply", at) || !p.end("undo", n+1) {
			t.Fatalf("not %s", what)
		}
		ways := map[bool]int{}
		for _, dir := range []layer.Dir{layer.Dir(p.layer), layer.Dir(p.layer).Git(p.git)} {
			if text, err := os.ReadFile(filepath.Join(string(dir), "apply", "journal.json")); err == nil {
				ways[strings.Contains(string(text), `"back":true`)]++
			}
		}
		// Where nothing is being taken back, it is applied, or anew.
		want := after
		if ways[true] > 0 {
			want = before
			both += ways[false]
		}
		p.applied(what, nil)
		if now := p.whole(); now != want {
			sameTree(t, what+", applied", now, want)
			return
		}
	}
	if both == 0 {
		t.Error("there were never two ways: the test tells nothing")
	}
}

// TestUndoLast: taking back is of the last apply alone, whichever of the two places that
// was about, and then there is nothing more to be taken back.
func TestUndoLast(t *testing.T) {
	needGit(t)
	for name, second := range map[string]string{
		"files alone":             "echo second >>c; echo new >new",
		"the git directory alone": "git update-ref refs/heads/second HEAD; git tag second",
		"both":                    "echo second >second; git add second; git commit -qm third",
	} {
		p := newPair(t, pairScript, second)
		before := p.whole()
		p.undone(name+", the first", nil)
		first := p.whole()
		p.back()
		steps := p.steps(func(step func(string)) { p.applied(name, step) })
		after := p.whole()
		if after == before {
			t.Fatalf("%s: nothing was applied", name)
		}
		// Also of one that was killed, whether it had begun or not.
		for _, n := range []int{slices.Index(steps, "journal") + 1, len(steps) / 2} {
			for _, then := range []struct {
				do   func(what string, step func(string))
				want string
			}{{p.undone, before}, {p.applied, after}} {
				p.back()
				if !p.end("apply", n) {
					t.Fatalf("%s: not killed at step %d", name, n)
				}
				if name == "both" && n < len(steps)/2 && then.want == before {
					then.want = first // journals of which one is missing were never begun
				}
				then.do(name+", killed", nil)
				if now := p.whole(); now != then.want {
					sameTree(t, fmt.Sprintf("%s, killed at step %d", name, n), now, then.want)
				}
			}
		}
		p.back()
		p.applied(name, nil)
		p.undone(name, nil)
		if now := p.whole(); now != before {
			sameTree(t, name+", taken back", now, before)
		}
		if _, err := p.locked(func(r *Review) (apply.Done, error) { return r.Undo(nil) }); !errors.Is(err, apply.ErrNone) {
			t.Errorf("%s, taken back once more: %v", name, err)
		}
		if now := p.whole(); now != before {
			sameTree(t, name+", taken back once more", now, before)
		}
		p.applied(name+", again", nil)
		if p.whole() == before {
			t.Errorf("%s: nothing is left to be applied again", name)
		}
	}
}

// TestUndoKilledEarly: what a jail changed since an apply is still in the layer when taking
// that back was killed before it began.
func TestUndoKilledEarly(t *testing.T) {
	needGit(t)
	w := newWorld(t, plainProject)
	w.jail("echo one >>a.txt")
	w.apply(Wanted{})
	w.jail("echo two >>a.txt")
	for n := 1; ; n++ {
		c := w.copied()
		if !c.end("undo", n) {
			break
		}
		c.apply(Wanted{})
		c.apply(Wanted{})
		data, err := os.ReadFile(filepath.Join(c.project, "a.txt"))
		if err != nil || string(data) != "one\none\ntwo\n" {
			t.Errorf("killed at step %d of undo: the host has %q, %v, and the layer %q", n, data, err, c.lines())
		}
	}
}
