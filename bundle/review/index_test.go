package review

import (
	"strings"
	"testing"
)

// TestIntentToAdd: what "git add -N" noted inside is not staged on the host as an empty
// file, which the next commit would have.
func TestIntentToAdd(t *testing.T) {
	needGit(t)
	w := newWorld(t, plainProject)
	w.jail("echo n >intended; git add -N intended; echo s >staged; git add staged")
	if d := w.apply(Wanted{}); len(d.Failed) > 0 || d.Held > 0 {
		t.Fatalf("%+v", d)
	}
	if got := w.host("git status --porcelain"); got != "A  staged\n?? intended\n" {
		t.Errorf("%q", got)
	}
	if r := w.review(); !r.Empty() {
		t.Errorf("left: %q, %+v", w.lines(), r.Git)
	}
	if d := w.undo(); len(d.Failed) > 0 || w.host("git status --porcelain") != "" {
		t.Errorf("%+v", d)
	}
}

// TestIntendedGone: what the host had noted so, and the jail removed, is gone.
func TestIntendedGone(t *testing.T) {
	needGit(t)
	w := newWorld(t, plainProject+"echo n >intended; git add -N intended\n")
	w.jail("rm intended; git reset -q")
	if d := w.apply(Wanted{}); len(d.Failed) > 0 || d.Held > 0 {
		t.Fatalf("%+v", d)
	}
	if got := w.host("git status --porcelain"); got != "" {
		t.Errorf("%q", got)
	}
}

// TestSubmoduleIndex: git status on the host writes the index of a submodule anew, which
// is no conflict with a commit that was made in it inside; what is staged there is one.
func TestSubmoduleIndex(t *testing.T) {
	needGit(t)
	const project = plainProject + "git init -q ../sub; cd ../sub; echo s >s; echo t >t; git add .; git commit -qm s; cd - >/dev/null; git -c protocol.file.allow=always submodule add -q \"$PWD/../sub\" sm; git commit -qm sub\n"
	for _, staged := range []bool{false, true} {
		w := newWorld(t, project)
		w.jail("cd sm; echo more >>s; git commit -qam inside; cd ..; git add sm; git commit -qm outer")
		w.host("sleep 0.02; touch -d 2001-02-03 sm/t; git status >/dev/null")
		if staged {
			w.host("echo mine >sm/mine; git -C sm add mine")
		}
		d := w.apply(Wanted{Executes: []string{".git/modules"}})
		if staged != (len(d.Failed) == 1 && d.Failed[0].Path == ".git/modules/sm/index") || !staged && len(d.Failed) > 0 {
			t.Fatalf("staged %v: %+v", staged, d.Failed)
		}
		if got := w.host("git status --porcelain; git -C sm log -1 --format=%s"); !staged && got != "inside\n" {
			t.Errorf("%q", got)
		}
	}
}

// TestNotesAlone: a cherry-pick that waits is carried over where nothing else of git
// changed, and taken back.
func TestNotesAlone(t *testing.T) {
	needGit(t)
	w := newWorld(t, plainProject+"git switch -qc other; git commit -q --allow-empty -m empty; git switch -q -\n")
	w.jail("git cherry-pick other >/dev/null 2>&1 && exit 1; test -e .git/CHERRY_PICK_HEAD")
	if d := w.apply(Wanted{}); len(d.Failed) > 0 || d.Held > 0 {
		t.Fatalf("%+v", d.Failed)
	}
	if got := w.host("git status | grep -c cherry-pick; git rev-parse CHERRY_PICK_HEAD >/dev/null"); got == "0\n" {
		t.Errorf("%q", got)
	}
	if r := w.review(); !r.Empty() {
		t.Errorf("left: %q, %+v", w.lines(), r.Git)
	}
	if d := w.undo(); len(d.Failed) > 0 || w.host("git status --porcelain; test ! -e .git/CHERRY_PICK_HEAD") != "" {
		t.Errorf("%+v", d.Failed)
	}
}

// TestSplitIndex: an index of two files, of the host or of the layer, is one on the host
// afterwards, which says what it said inside; and it is the old one after --undo.
func TestSplitIndex(t *testing.T) {
	needGit(t)
	for name, c := range map[string]struct{ project, jail string }{
		"of the host":  {"git update-index --split-index; git config core.splitIndex true", ""},
		"of the layer": {"", "git update-index --split-index;"},
		"of both":      {"git update-index --split-index; git config core.splitIndex true; git config splitIndex.maxPercentChange 0", "git update-index --split-index;"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, plainProject+c.project+"\n")
			const state = "export GIT_OPTIONAL_LOCKS=0; git ls-files -s; git status --porcelain; git log --format=%s"
			before := w.host(state)
			inside := w.jail(c.jail + "echo more >>a.txt; git add a.txt; git commit -qm second; echo s >staged; git add staged; " + state)
			if d := w.apply(Wanted{}); len(d.Failed) > 0 || d.Held > 0 {
				t.Fatalf("%+v", d.Failed)
			}
			if got := w.host(state); got != inside {
				t.Errorf("inside\n%s\noutside\n%s", inside, got)
			}
			if r := w.review(); !r.Empty() {
				t.Errorf("left: %q, %+v", w.lines(), r.Git)
			}
			if d := w.undo(); len(d.Failed) > 0 || w.host(state) != before {
				t.Errorf("%+v\n%s", d.Failed, w.host(state))
			}
		})
	}
}

// TestRebased: of a rebase with a conflict that was finished inside nothing waits for a yes,
// and the host has all that git leaves of it.
func TestRebased(t *testing.T) {
	needGit(t)
	w := newWorld(t, plainProject+"git switch -qc topic; echo theirs >a.txt; git commit -qam theirs; git switch -q main; echo mine >a.txt; git commit -qam mine")
	w.jail("! git rebase topic >/dev/null 2>&1; echo both >a.txt; git add a.txt; GIT_EDITOR=true git rebase --continue >/dev/null 2>&1; cp .git/REBASE_HEAD rebased")
	for _, l := range w.lines() {
		if strings.Contains(l, "HELD") {
			t.Errorf("it waits: %s", l)
		}
	}
	if d := w.apply(Wanted{}); len(d.Failed) > 0 || d.Held > 0 || !w.review().Empty() {
		t.Errorf("%q, %d held, %q left", d.Failed, d.Held, w.lines())
	}
	if got := w.host("git log --format=%s; git status --porcelain; cmp rebased .git/REBASE_HEAD"); got != "mine\ntheirs\nfirst\n?? rebased\n" {
		t.Errorf("%q", got)
	}
}
