package review

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func needGit(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not on PATH")
	}
}

// TestGit: commits, branches, the index, HEAD, the stash and harmless settings go
// over; git says the same outside as inside; and it all comes back.
func TestGit(t *testing.T) {
	needGit(t)
	w := newWorld(t, plainProject+"git tag old; git branch gone; git pack-refs --all; git config core.pager less")
	before := tree(t, w.project)
	w.jail(`
echo more >>a.txt; git commit -qam second; git switch -qc feature; echo f >f.txt; git add f.txt; git commit -qm third
git branch -qD gone; git tag -a v1 -m one; git remote add origin https://example.org/x.git; git config branch.feature.remote origin
git config branch.feature.merge refs/heads/feature; echo s >>b.txt; git stash -q; echo t >>b.txt; git stash -q
echo staged >staged.txt; git add staged.txt; echo untracked >untracked.txt
mkdir nested; echo n >nested/n; git add nested; git mv tool tool2
git gc -q --prune=now
`)
	const state = "git status --porcelain; git log --all --format='%H %an %s %D' | grep -v 'refs/notes'; git stash list; git symbolic-ref HEAD; git ls-files -s; git for-each-ref; git config --get-regexp '^(branch|remote)' | sort"
	inside := w.jail(state)
	r := w.review()
	if r.Git == nil || r.Git.Problem != "" {
		t.Fatalf("%+v", r.Git)
	}
	d := w.apply(Wanted{})
	if len(d.Failed) > 0 || d.Held > 0 {
		t.Fatalf("%+v", d)
	}
	if outside := w.host(state); outside != inside {
		t.Errorf("inside\n%s\noutside\n%s", inside, outside)
	}
	if got := w.host("git fsck --strict 2>&1 | grep -v dangling || true; git config core.pager"); got != "less\n" {
		t.Errorf("%q", got)
	}
	if r := w.review(); !r.Empty() {
		t.Errorf("left: %q, %+v", w.lines(), r.Git)
	}
	if d := w.undo(); len(d.Failed) > 0 {
		t.Fatalf("%+v", d)
	}
	after := tree(t, w.project)
	ours := func(s string) string { // objects stay, and what was a packed ref may be a loose one
		return strings.Join(slices.DeleteFunc(strings.Split(s, "\n"), func(l string) bool {
			return strings.HasPrefix(l, ".git/objects") || strings.HasPrefix(l, ".git/logs") || strings.HasPrefix(l, ".git/refs") || strings.HasPrefix(l, ".git/packed-refs")
		}), "\n")
	}
	sameTree(t, "undo", ours(after), ours(before))
	if got := w.jail(state); got != inside {
		t.Errorf("inside, after undo\n%s\nwant\n%s", got, inside)
	}
	if got := w.host("git for-each-ref --format='%(refname)'"); got != "refs/heads/gone\nrefs/heads/main\nrefs/tags/old\n" {
		t.Errorf("refs after undo: %q", got)
	}
	if d := w.apply(Wanted{}); len(d.Failed) > 0 {
		t.Fatalf("%+v", d)
	}
	if outside := w.host(state); outside != inside {
		t.Errorf("again: inside\n%s\noutside\n%s", inside, outside)
	}
}

// TestNoHooks: what the host's repository and the layer's have git run, for refs,
// the index and the working tree, is not run by a review.
func TestNoHooks(t *testing.T) {
	needGit(t)
	const hooks = `
for h in reference-transaction post-index-change pre-auto-gc post-rewrite; do printf '#!/bin/sh\ntouch %s\n' "$PWD/ran" >.git/hooks/$h; chmod +x .git/hooks/$h; done
git config core.fsmonitor "touch $PWD/ran; false"; git config core.hooksPath "$PWD/.git/hooks"; git config core.alternateRefsCommand "touch $PWD/ran"
git config filter.f.clean "touch $PWD/ran; cat"; git config filter.f.smudge "touch $PWD/ran; cat"; echo '* filter=f' >.git/info/attributes; git config gc.auto 1
`
	w := newWorld(t, plainProject+hooks+"git update-ref refs/heads/tried HEAD; test -e ran; rm ran")
	w.jail("git switch -qc topic; echo more >>a.txt; git add a.txt; git commit -qm second; echo s >>b.txt; git stash -q; git branch -D tried; rm -f ran")
	w.review()
	if d := w.apply(Wanted{}); len(d.Failed) > 0 || d.Refs != 3 {
		t.Errorf("%+v", d)
	}
	w.undo()
	if _, err := os.Lstat(filepath.Join(w.project, "ran")); err == nil {
		t.Error("git ran a program of the project's")
	}
}

// TestGitHeld: commits that bring what the host would execute wait for a yes, and
// so do settings; hostile objects and names do not cross at all.
func TestGitHeld(t *testing.T) {
	needGit(t)
	for name, c := range map[string]struct {
		script string
		// ok: refs go over all the same; failed is in what was not applied.
		ok, fails bool
		says      string
	}{
		"a guarded file":      {script: "mkdir .vscode; echo e >.vscode/tasks.json; git add -A; git commit -qm x", says: ".vscode/tasks.json"},
		"a gitlink":           {script: "git init -q sub; git -C sub commit -q --allow-empty -m s; git add sub 2>/dev/null; git commit -qm x", says: "another git repository"},
		"a symlink outside":   {script: "ln -s /etc/passwd p; git add p; git commit -qm x", says: "leads out"},
		"ordinary":            {script: "echo 1 >>a.txt; git commit -qam x", ok: true},
		"a .git in a tree":    {script: `b=$(echo e | git hash-object -w --stdin); t=$(printf '100644 blob %s\tconfig\n' $b | git mktree); t=$(printf '040000 tree %s\t.git\n' $t | git mktree); git update-ref refs/heads/evil $(git commit-tree -m e -p HEAD $t)`, says: ".git/config"},
		"a .GIT in a tree":    {script: `b=$(echo e | git hash-object -w --stdin); t=$(printf '100644 blob %s\tconfig\n' $b | git mktree); t=$(printf '040000 tree %s\t.GIT\n' $t | git mktree); git update-ref refs/heads/evil $(git commit-tree -m e -p HEAD $t)`, says: ".GIT/config"},
		"deep in history":     {script: `b=$(echo e | git hash-object -w --stdin); t=$(printf '100644 blob %s\tconfig\n' $b | git mktree); t=$(printf '040000 tree %s\tgit~1\n' $t | git mktree); c=$(git commit-tree -m e -p HEAD $t); git update-ref refs/heads/evil $(git commit-tree -m back -p $c HEAD^{tree})`, fails: true, says: "hasDotgit"},
		"a missing object":    {script: `b=$(echo lost | git hash-object -w --stdin); t=$(printf '100644 blob %s\tx\n' $b | git mktree); git update-ref refs/heads/evil $(git commit-tree -m e -p HEAD $t); rm -f .git/objects/$(echo $b | cut -c1-2)/$(echo $b | cut -c3-)`, fails: true, says: "refs/heads/evil"},
		"alternates":          {script: "echo /tmp >.git/objects/info/alternates; echo 1 >>a.txt; git commit -qam x", fails: true, says: "alternates"},
		"a replaced object":   {script: "echo 1 >>a.txt; git commit -qam x; git replace HEAD HEAD^; git switch -q main", fails: true, ok: true, says: "refs/replace"},
		"a name with a blank": {script: `cp .git/refs/heads/main '.git/refs/heads/a b'`, fails: true, says: "a b"},
		"a name like a flag":  {script: `cp .git/refs/heads/main '.git/refs/heads/-x'`, fails: true, says: "-x"},
		"no object":           {script: `echo '../../../etc/passwd' >.git/refs/heads/x`, fails: true, says: "no object"},
		"HEAD elsewhere":      {script: `echo 'ref: ../../x' >.git/HEAD`, fails: true, says: "HEAD"},
		"a helper's url":      {script: `git config remote.x.url 'ext::sh -c evil'`, says: "remote.x.url"},
		"an own folder":       {script: `git config remote.x.url ./evil`, says: "remote.x.url"},
		"a program":           {script: `git config remote.x.uploadpack evil`, says: "remote.x.uploadpack"},
		"include":             {script: `git config include.path ../evil`, says: "include.path"},
		"fetch into branches": {script: `git config remote.x.fetch '+refs/heads/*:refs/heads/*'`, says: "remote.x.fetch"},
		"remote of a branch":  {script: `git config branch.main.remote 'ext::sh'`, says: "branch.main.remote"},
		"worktree config":     {script: `printf '[core]\nfsmonitor=evil\n' >.git/config.worktree`, says: "config.worktree"},
		"a rebase":            {script: `mkdir .git/rebase-merge; echo 'exec evil' >.git/rebase-merge/git-rebase-todo`, says: "rebase-merge"},
		"info":                {script: `mkdir -p .git/info; echo '* filter=evil' >.git/info/attributes; echo '*' >>.git/info/exclude`, says: "info/attributes"},
		"a staged file":       {script: `mkdir .vscode; echo e >.vscode/x; git add .vscode; rm -r .vscode`, says: ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorldIn(t, inMemory(t), plainProject)
			const refs = "git for-each-ref; cat .git/HEAD; cat .git/config; ls -R .git/info .git/refs; ls .git; git ls-files -s"
			before := w.host(refs)
			w.jail(c.script)
			var text strings.Builder
			if err := w.review().Text(&text, Shown{}); err != nil {
				t.Fatal(err)
			}
			d := w.apply(Wanted{})
			for _, f := range d.Failed {
				text.WriteString(f.Path + ": " + f.Why + "\n")
			}
			if c.fails != (len(d.Failed) > 0) || !strings.Contains(text.String(), c.says) {
				t.Errorf("%+v\n%s", d, &text)
			}
			after := w.host(refs)
			if c.ok == (after == before) {
				t.Errorf("before\n%s\nafter\n%s", before, after)
			}
			if got := w.host("git fsck --strict 2>&1 | grep -v dangling || true; git cat-file -t refs/heads/evil 2>/dev/null || true"); got != "" {
				t.Errorf("%q", got)
			}
		})
	}
}

// TestGitTogether: a ref that goes, or loses commits, waits for the one that is to
// have them, and a branch that HEAD names does not go while HEAD stays. Nothing of
// the host's is lost in between.
func TestGitTogether(t *testing.T) {
	needGit(t)
	const held = "mkdir -p .vscode; echo e >>.vscode/tasks.json; git add -A; git commit -qm held; "
	const state = "git for-each-ref --format='%(refname) %(objectname)'; cat .git/HEAD"
	for name, c := range map[string]struct {
		before, script string
		// goes is a ref that goes all the same, stays one that waits.
		goes, stays string
		fails       bool
	}{
		"the current branch gets a name":   {script: held + "git branch -m main third", stays: "refs/heads/main"},
		"another branch gets a name":       {before: "git switch -qc other; git commit -q --allow-empty -m o; git switch -q main; ", script: "git switch -q other; " + held + "git branch -m third; git switch -q main", stays: "refs/heads/other"},
		"a tag that is moved":              {before: "git commit -q --allow-empty -m o; git tag keep; git reset -q --hard HEAD~1; ", script: "git switch -qc more keep; " + held + "git tag -d keep; git switch -q main", stays: "refs/tags/keep"},
		"a branch goes back":               {before: "git commit -q --allow-empty -m o; ", script: "git switch -qc rescue; " + held + "git switch -q main; git reset -q --hard HEAD~1", stays: "refs/heads/main"},
		"a merged branch goes":             {before: "git branch merged; ", script: "git branch -d merged; git switch -qc more; " + held + "git switch -q main", goes: "refs/heads/merged"},
		"the branch goes and HEAD stays":   {script: "git branch other; git update-ref -d refs/heads/main", stays: "refs/heads/main", fails: true},
		"a branch that is nowhere to have": {before: "git switch -qc other; git commit -q --allow-empty -m o; git switch -q main; ", script: "git branch -qD other; git switch -qc more; " + held + "git switch -q main", goes: "refs/heads/other"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorldIn(t, inMemory(t), plainProject+c.before)
			value := func() string { return w.host("git rev-parse -q --verify " + c.stays + c.goes + " || true") }
			before := value()
			w.jail(c.script)
			inside := w.jail(state)
			d := w.apply(Wanted{})
			if c.fails != (len(d.Failed) > 0) {
				t.Errorf("%+v", d)
			}
			if after := value(); before == "" || c.stays != "" && after != before || c.goes != "" && after != "" {
				t.Errorf("%s%s was %q, is %q", c.stays, c.goes, before, after)
			}
			if c.fails {
				return
			}
			// With the yes all of it goes over.
			if d := w.apply(Wanted{Executes: []string{".vscode/tasks.json"}}); len(d.Failed) > 0 || d.Held > 0 {
				var left strings.Builder
				_ = w.review().Text(&left, Shown{})
				t.Errorf("with a yes: %+v\n%s", d, &left)
			}
			if refs := w.host(state); refs != inside {
				t.Errorf("with a yes:\n%s\ninside:\n%s", refs, inside)
			}
		})
	}
}
