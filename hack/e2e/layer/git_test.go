package layer

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// daily is what people do with git all day, in a repository that tracks files
// which the host executes or trusts. Each line works outside, and has to work the
// same in a layer.
var daily = []struct{ name, script string }{
	{"switch", "git switch -q other && git switch -q main"},
	{"switch -c with tracking", "git fetch -q && git switch -q -c topic --track origin/topic"},
	{"mv of a file", "git mv a renamed && git commit -qm mv"},
	{"mv of a folder", "mv dir moved && git add -A dir moved && git commit -qm 'mv folder'"},
	{"push -u", "git push -q -u origin HEAD"},
	{"pull --rebase with a conflict", "echo mine >b && git commit -qam mine && ! git pull -q --rebase origin other 2>/dev/null && echo both >b && git add b && GIT_EDITOR=true git rebase --continue >/dev/null"},
	{"stash", "echo x >>a; echo x >>.vscode/settings.json; git stash -q && git stash pop -q && git checkout -q ."},
	{"rebase -i", "for i in 1 2 3; do echo $i >>c && git add c && git commit -qm c$i; done; GIT_SEQUENCE_EDITOR='sed -i 2s/pick/fixup/' git rebase -q -i HEAD~3"},
	{"cherry-pick", "git cherry-pick origin/other~0 -X theirs >/dev/null; git cherry-pick --abort 2>/dev/null; git switch -q -c picked HEAD~2 && git cherry-pick topic >/dev/null && git switch -q topic"},
	{"branch -m, -D", "git branch old && git branch -m old older && git branch -q -D older"},
	{"remote add", "git remote add second ../other.git && git remote set-url second ../else.git && git remote rename second third && git remote remove third"},
	{"config", "git config user.name 'Ada Inside' && git config core.hooksPath .husky && git config --unset core.hooksPath"},
	{"submodule add, sync, update", "git -c protocol.file.allow=always submodule --quiet add $SUB sub && git commit -qm sub && git submodule --quiet sync && git -c protocol.file.allow=always submodule --quiet update --init"},
	{"worktree add", "git worktree add -q wt other && git -C wt status --short && git worktree remove --force wt"},
	{"clean -fdx", "mkdir -p junk/deep && touch junk/deep/x .idea && git clean -qfdx -e remote.git"},
	{"bisect", "git bisect start HEAD HEAD~3 >/dev/null && git bisect run true >/dev/null 2>&1; git bisect reset >/dev/null 2>&1"},
	{"tag -a", "git tag -a v1 -m one && git tag -d v1 >/dev/null && git tag v2"},
	{"commit --amend", "git commit -q --amend -m amended"},
	{"gc", "git gc -q --prune=now && git fsck --strict"},
	{"clone inside", "git clone -q . $TMPDIR/clone && git -C $TMPDIR/clone log -1 --format=%s"},
	{"trusted files come and go", "git switch -q bare && test ! -e .vscode && test ! -e .mcp.json && git switch -q - && test -e .vscode/settings.json"},
	{"a hook of the project", "git config core.hooksPath .husky && printf '#!/bin/sh\\necho ran >>hooked\\n' >.husky/pre-commit && chmod +x .husky/pre-commit && git commit -q --allow-empty -m hook && cat hooked"},
	{"reset --hard", "echo x >>.mcp.json; rm -rf .husky; git reset -q --hard && git status --porcelain"},
}

// repository has branches that differ in trusted files, and a remote in it.
func repository(t *testing.T) *world.World {
	t.Helper()
	w := project(t)
	w.Write(".git/info/exclude", "remote.git\n")
	git := func(args ...string) { w.Git(w.Project, args...) }
	git("switch", "-qc", "other")
	w.Write("b", "theirs\n")
	w.Write(".vscode/settings.json", "{ }\n")
	w.CommitAll()
	git("switch", "-qc", "topic", "main")
	w.Write("topic", "x\n")
	w.Write(".envrc", "# topic\n")
	w.CommitAll()
	git("switch", "-qc", "bare", "main")
	git("rm", "-rq", ".vscode", ".mcp.json", ".envrc", ".husky", ".claude")
	git("commit", "-qm", "bare")
	git("switch", "-q", "main")
	git("clone", "-q", "--bare", ".", "remote.git")
	git("remote", "add", "origin", "./remote.git")
	git("fetch", "-q")
	git("branch", "-q", "-D", "topic")
	return w
}

// TestDailyGit: each operation, one after the other, ends as it does outside.
func TestDailyGit(t *testing.T) {
	t.Parallel()
	w := repository(t)
	before := print(t, w.Project)
	// The same outside, at the same path for whoever looks.
	outside := filepath.Join(w.Home, "outside")
	if out, err := exec.Command("cp", "-a", w.Project, outside).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var script strings.Builder
	sub := filepath.Join(w.Home, "sub.git")
	w.Repository(sub)
	script.WriteString("export SUB='" + sub + "' GIT_AUTHOR_DATE='2030-01-01T00:00:00Z' GIT_COMMITTER_DATE='2030-01-01T00:00:00Z'\n")
	for _, d := range daily {
		script.WriteString("( " + d.script + " ) </dev/null >$TMPDIR/out 2>&1; echo \"" + d.name + ": $?\"; sed 's/^/    /' $TMPDIR/out | grep -v '^ *$' | sed \"s#$PWD#PROJECT#g\"\n")
	}
	const state = `git status --porcelain; git branch -a -v | sed 's/  */ /g'; git tag; git log --all --format='%T %s' | sort; git config --local --list | sort; git ls-files -s; git remote -v; ls -A`
	script.WriteString("(" + state + ") | sed \"s#$PWD#PROJECT#g\"")
	// The host's own git: bisect and submodule are scripts, which the closure of
	// the tests has not.
	inside := world.Finish(t, w.Command(append(append([]string{"shell", "--package", "host", "--net", "none", "--read", sub}, overlay...), "--", "bash", "-c", script.String())...))
	if inside.Status != 0 {
		t.Fatal(inside)
	}
	c := exec.Command("bash", "-c", script.String())
	c.Dir, c.Env = outside, w.Environ()
	out := world.Finish(t, c)
	if out.Status != 0 || strings.Contains(out.Out, ": 128") {
		t.Fatalf("outside: %s", out)
	}
	if inside.Out != out.Out {
		t.Errorf("in the layer (+) git did something else than outside (-):\n%s\nall of it: %s", difference(out.Out, inside.Out), inside)
	}
	for _, d := range daily {
		if !strings.Contains(inside.Out, d.name+": 0\n") {
			t.Errorf("%s failed: %s", d.name, inside.Out)
		}
	}
	unchanged(t, w.Project, before)
}

// TestGitMvOfAFolder: what does not work is what the brief and the docs say, and
// nothing is half done then.
func TestGitMvOfAFolder(t *testing.T) {
	t.Parallel()
	w := project(t)
	r := must(w, "git mv dir moved; echo $?; git status --porcelain; cat /etc/jailed-claude/brief.md")
	if !strings.Contains(r.Out, "128\n#") && !strings.HasPrefix(r.Out, "128\n") || !strings.Contains(r.Err, "Invalid cross-device link") || !strings.Contains(r.Out, "git add -A FOLDER NEW") {
		t.Errorf("%s", r)
	}
	// A file of the host and a hard link to it have two inode numbers.
	r = inLayer(w, "git clone -q . linked; echo $?; git clone -q --no-hardlinks . clone && git -C clone log -1 --format=%s; git clone -q . $TMPDIR/clone && echo copied")
	// git before 2.39.4 does not look.
	refused := strings.HasPrefix(r.Out, "128\n") && strings.Contains(r.Err, "hardlink different from source")
	if !refused && !strings.HasPrefix(r.Out, "0\n") || !strings.HasSuffix(r.Out, "\nmore\ncopied\n") {
		t.Errorf("a clone with hard links: %s", r)
	}
}

// TestWorktree: a linked worktree has a second layer, over the git directory of
// its repository.
func TestWorktree(t *testing.T) {
	t.Parallel()
	w := project(t)
	main := w.Project
	w.Project = filepath.Join(w.Home, "wt")
	w.Git(main, "worktree", "add", "-q", w.Project)
	before, common := print(t, w.Project), print(t, main)
	r := must(w, "echo x >>a && git commit -qam inside && git branch more && echo '#!/bin/sh' >$(git rev-parse --git-common-dir)/hooks/pre-commit && git config alias.x '!evil'")
	if !strings.Contains(r.Err, "1 changed file and changes of .git") {
		t.Errorf("%s", r)
	}
	if r := must(w, "git log --format=%s; git branch; git config alias.x"); !strings.Contains(r.Out, "inside\n") || !strings.Contains(r.Out, "more") || !strings.Contains(r.Out, "!evil") {
		t.Errorf("the second start sees another repository: %s", r)
	}
	unchanged(t, w.Project, before)
	unchanged(t, main, common)
}

// TestLargePack: git touches a pack when it adds what the pack has, and a layer
// would copy all of it.
func TestLargePack(t *testing.T) {
	t.Parallel()
	w := project(t)
	blob := make([]byte, 9<<20)
	_, _ = rand.Read(blob) // or nothing of it would be large in a pack
	w.Write("blob", string(blob))
	w.CommitAll()
	w.Git(w.Project, "repack", "-adq")
	before := print(t, w.Project)
	must(w, "touch blob && git add blob && echo x >>a && git commit -qam x && git revert --no-edit HEAD >/dev/null && git gc -q && git fsck && git log -1 --format=%s")
	packs, err := filepath.Glob(filepath.Join(folder(w), "upper/.git/objects/pack/*.pack"))
	if err != nil {
		t.Fatal(err)
	}
	theirs, _ := filepath.Glob(filepath.Join(w.Project, ".git/objects/pack/*.pack"))
	for _, p := range packs {
		if filepath.Base(p) == filepath.Base(theirs[0]) {
			t.Errorf("the pack was copied")
		}
	}
	unchanged(t, w.Project, before)
	// A git directory that was replaced has none of it.
	if r := inLayer(w, "mv .git/objects /tmp/; rm -rf .git/*; git init -q . 2>&1; true"); r.Status != 0 {
		t.Errorf("%s", r)
	}
	must(w, "git rev-parse --git-dir")
	unchanged(t, w.Project, before)
}

// TestOutlives: a layer that holds something, over a repository in which git did
// something since, says so; looking does nothing.
func TestOutlives(t *testing.T) {
	t.Parallel()
	const says = "git on the host changed "
	w := project(t)
	w.Write("a", "changed\n")
	must(w, "true")
	w.CommitAll()
	if r := must(w, "echo x >>b; git add b"); strings.Contains(r.Err, says) {
		t.Errorf("an empty layer: %s", r)
	}
	// git status writes the index anew.
	if err := os.Chtimes(filepath.Join(w.Project, "a"), fixed, fixed); err != nil {
		t.Fatal(err)
	}
	w.Git(w.Project, "status")
	w.Git(w.Project, "pack-refs", "--all")
	w.Git(w.Project, "gc", "-q")
	if r := must(w, "true"); strings.Contains(r.Err, says) {
		t.Errorf("git status: %s", r)
	}
	for _, c := range []struct {
		do   []string
		what string
	}{
		{[]string{"branch", "new"}, "branches or tags since"},
		{[]string{"rm", "-q", "--cached", "a"}, "the index since"},
		{[]string{"commit", "-qm", "x"}, "HEAD and the index since"},
	} {
		w.Git(w.Project, c.do...)
		r := must(w, "true")
		if !strings.Contains(r.Err, says) || !strings.Contains(r.Err, c.what) && !strings.Contains(r.Err, strings.TrimSuffix(c.what, " since")) || !strings.Contains(r.Err, "jailed-claude review") {
			t.Errorf("git %q: %s", c.do, r)
		}
	}
}
