package layer

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// operation is what somebody does with git. before is done outside of any jail; do
// is compared.
type operation struct{ name, before, do string }

const (
	lfs     = "git lfs install --local >/dev/null"
	tracked = "; git lfs track '*.bin' >/dev/null; git add .gitattributes; git commit -qm track"
)

const conflict = "echo mine >b; git commit -qam mine"

// operations are those of a day, each in a repository of its own that tracks
// files which the host executes or trusts.
var operations = []operation{
	{"`switch`, to a branch with the same trusted files", "", "git switch -q plain"},
	{"`switch`, to one with others", "", "git switch -q other"},
	{"`switch`, to one without them", "", "git switch -q bare"},
	{"`switch -c` with tracking", "", "git switch -q -c mine --track origin/plain"},
	{"`mv` of a file", "", "git mv a renamed"},
	{"`mv` of a folder", "", "git mv dir moved"},
	{"`mv FOLDER NEW && git add -A`", "", "mv dir moved && git add -A dir moved"},
	{"`push -u`", "git switch -q plain", "git push -q -u origin plain"},
	{"`push`, where the branch tracks", "git switch -q plain; git branch -q -u origin/plain; echo x >>a; git commit -qam x", "git push -q"},
	{"`pull --rebase` with a conflict", conflict, "! git pull -q --rebase origin plain && echo both >b && git add b && GIT_EDITOR=true git rebase --continue >/dev/null"},
	{"`pull --rebase` of trusted files", conflict, "git pull -q --rebase origin trusted"},
	{"`merge` of trusted files", "", "git merge -q trusted"},
	{"`merge` of trusted files and others", "", "git merge -q both"},
	{"`stash`, `stash pop`", "echo x >>a", "git stash -q && git stash pop -q"},
	{"`rebase -i`", "for i in 1 2 3; do echo $i >>c; git add c; git commit -qm c$i; done", "GIT_SEQUENCE_EDITOR='sed -i 2s/pick/fixup/' git rebase -q -i HEAD~3"},
	{"`cherry-pick`", "", "git cherry-pick plain >/dev/null"},
	{"`cherry-pick` of trusted files", "", "git cherry-pick trusted >/dev/null"},
	{"`reset --hard` to others", "", "git reset -q --hard both"},
	{"`checkout BRANCH -- .` of trusted files", "", "git checkout -q both -- ."},
	{"`stash pop` of trusted files", "echo x >>.mcp.json; echo x >>a; git stash -q", "git stash pop -q"},
	{"`branch -m`", "git branch old", "git branch -m old new"},
	{"`branch -m`, where it tracks", "git branch --track old origin/plain", "git branch -m old new"},
	{"`branch -D`", "git branch old", "git branch -q -D old"},
	{"`branch -D`, where it tracks", "git branch --track old origin/plain", "git branch -q -D old"},
	{"`switch` to a branch of the remote alone", "git branch -q -D plain", "git switch -q plain"},
	{"`remote add`", "", "git remote add second ../x.git"},
	{"`config`", "", "git config user.name Inside"},
	{"`submodule add`", "", "git -c protocol.file.allow=always submodule --quiet add $SUB sub"},
	{"`submodule update --init`", "git -c protocol.file.allow=always submodule --quiet add $SUB sub; git commit -qm sub; git submodule --quiet deinit -f sub", "git -c protocol.file.allow=always submodule --quiet update --init"},
	{"`submodule sync`", "git -c protocol.file.allow=always submodule --quiet add $SUB sub; git commit -qm sub; git config submodule.sub.url elsewhere", "git submodule --quiet sync"},
	{"`worktree add` in the project", "", "git worktree add -q wt plain"},
	{"`worktree add` beside it", "", "git worktree add -q ../beside-$MODE plain"},
	{"`clean -fdx`", "mkdir junk; touch junk/x", "git clean -qfdx -e remote.git"},
	{"`bisect`", "for i in 1 2 3; do echo $i >>c; git add c; git commit -qm c$i; done", "git bisect start HEAD HEAD~3 >/dev/null && git bisect run true >/dev/null && git bisect reset 2>/dev/null"},
	{"`tag`, `tag -a`", "", "git tag one && git tag -a two -m two"},
	{"`commit --amend`", "", "git commit -q --amend -m amended"},
	{"`reset --hard`", "echo x >>a; git commit -qam x", "git reset -q --hard HEAD~1"},
	{"`lfs track`", lfs, "git lfs track '*.bin' >/dev/null && git add .gitattributes"},
	{"`lfs`: `add` and `commit`", lfs + tracked, "echo large >x.bin && git add x.bin && git commit -qm lfs && git lfs ls-files && find .git/lfs/objects -type f"},
	{"`lfs`: `push`", lfs + tracked + "; git switch -q -c large; echo large >x.bin; git add x.bin; git commit -qm lfs", "git push -q origin large && git -C remote.git lfs fsck --objects large && find remote.git/lfs/objects -type f"},
	{"`lfs`: `switch`, which checks out", lfs + tracked + "; git switch -q -c large; echo large >x.bin; git add x.bin; git commit -qm lfs; git switch -q main; rm -f x.bin", "git switch -q large && cat x.bin && git lfs ls-files"},
	{"`gc`", "", "git gc -q --prune=now && git fsck --strict"},
	{"`clone . /tmp/x`", "", "rm -rf $TMPDIR/clone; git clone -q . $TMPDIR/clone && git -C $TMPDIR/clone log -1 --format=%s"},
}

// state is what a repository and its files are, but for times.
const state = `{ git status --porcelain; git branch -a -vv | sed 's/  */ /g'; git tag; git log --all --format='%T %s' | sort; git stash list; git config --local --list | sort; git ls-files -s; git worktree list --porcelain; ls .git | grep -i -e rebase -e bisect -e pick -e merge
find . -path ./.git -prune -o -path ./remote.git -prune -o -path './*/.git' -prune -o -printf '%p %m %l ' \( -type f -exec sha256sum {} \; -o -printf '\n' \) | sort; git -C remote.git branch -v; } 2>&1`

const halfDone = "half done"

// seen is what became of an operation.
func seen(outside, before, after, status, errs string) string {
	switch {
	case after == outside && status == "0":
		return "as outside"
	case after == before && status != "0" && errs != "":
		return "refused"
	}
	return halfDone
}

// TestTable: each operation, in a layer and in live mode, is what docs/git.md says:
// as outside, or refused before anything is touched, and never half done.
func TestTable(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git-lfs"); err != nil {
		world.Cannot(t, "no git-lfs: %v", err)
	}
	w := repository(t)
	home := w.Project
	for _, script := range []string{
		"git switch -qc plain main; echo plain >b; echo p >p; git add p; git commit -qam plain", "git switch -qc trusted main; echo '{ }' >.mcp.json; git commit -qam trusted",
		"git switch -qc both main; echo '{  }' >.mcp.json; echo both >a; echo both >b; git commit -qam both",
		"git switch -q main; git push -q origin plain trusted both; git gc -q",
	} {
		host(t, w, home, script)
	}
	sub := filepath.Join(w.Home, "sub.git")
	w.Repository(sub)
	modes := []string{"overlay", "rw"}
	rows := make([]string, len(operations))
	world.InParallel(len(operations), func(i int) {
		o := operations[i]
		cells := ""
		for _, mode := range modes {
			dir := filepath.Join(w.Home, "of", world.Itoa(i), mode)
			results := map[string][]string{}
			for _, where := range []string{"outside", "inside"} {
				// The same path for both: git writes it down.
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
				host(t, w, w.Home, "mkdir -p "+filepath.Dir(dir)+" && cp -a "+home+" "+dir)
				env := "export MODE=" + mode + " SUB='" + sub + "' GIT_AUTHOR_DATE='2030-01-01T00:00:00Z' GIT_COMMITTER_DATE='2030-01-01T00:00:00Z'; "
				host(t, w, dir, env+o.before)
				script := env + "out=$({ " + o.do + "\n} </dev/null 2>&1); echo $?; echo @; echo \"$out\"; echo @; " + state
				before := host(t, w, dir, state)
				var r world.Result
				if where == "inside" {
					c := w.Command("shell", "--package", "host", "--net", "none", "--read", sub, "--project-mode", mode, "--", "bash", "-c", script)
					c.Dir = dir
					r = world.Finish(t, c)
				} else {
					c := exec.Command("bash", "-c", script)
					c.Dir, c.Env = dir, w.Environ()
					r = world.Finish(t, c)
				}
				parts := strings.SplitN(r.Out, "@\n", 3)
				if r.Status != 0 || len(parts) != 3 {
					t.Errorf("%s: %s", o.name, r)
					return
				}
				results[where] = append(parts, before)
			}
			in, out := results["inside"], results["outside"]
			if out[0] != "0\n" {
				t.Errorf("%s fails outside: %s", o.name, out)
			}
			cell := seen(out[2], in[3], in[2], strings.TrimSpace(in[0]), in[1])
			t.Logf("%s, %s: %s\n%s%s", o.name, mode, cell, in[1], difference(out[2], in[2]))
			if cell == halfDone {
				t.Errorf("%s is half done, %s", o.name, mode)
			}
			cells += " " + cell + " |"
		}
		rows[i] = "| " + o.name + " |" + cells
	})
	table := "| operation | in a layer | in live mode |\n|---|---|---|\n" + strings.Join(rows, "\n") + "\n"
	name := filepath.Join("..", "..", "..", "docs", "git.md")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "\n"+table+"\n") {
		return
	}
	if v := host(t, w, w.Home, "git --version"); !strings.HasPrefix(v, "git version 2.39.") {
		for _, r := range rows { // what a layer is for holds with any git
			inLayer := strings.Join(strings.Split(r, "|")[:3], "|")
			if !strings.Contains(string(text), "\n"+inLayer+"|") {
				t.Errorf("docs/git.md does not say %q", inLayer)
			}
		}
		t.Logf("the column of live mode is that of git 2.39, and this is %s", v)
		return
	}
	t.Errorf("docs/git.md has not this table:\n%s", table)
}

// host runs a script of the host's own, which has to end well.
func host(t *testing.T, w *world.World, dir, script string) string {
	t.Helper()
	c := exec.Command("bash", "-c", script)
	c.Dir, c.Env = dir, w.Environ()
	r := world.Finish(t, c)
	if r.Status != 0 {
		t.Errorf("%s: %s", script, r)
	}
	return r.Out
}
