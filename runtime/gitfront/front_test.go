package gitfront

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/contract/brief"
)

// repository has branches that differ in files which are held, .git/config too.
func repository(t *testing.T) (brief.Facts, string) {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("no git: ", err)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	project := filepath.Join(dir, "project")
	for k, v := range map[string]string{
		"GIT_CONFIG_GLOBAL": os.DevNull, "GIT_CONFIG_SYSTEM": os.DevNull, "TMPDIR": filepath.Join(dir, "tmp"),
		"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org",
	} {
		t.Setenv(k, v)
	}
	c := exec.Command("bash", "-euc", `git init -q -b main project; cd project; mkdir .vscode sub
		echo '{}' >.mcp.json; echo '{}' >.vscode/settings.json; echo a >a; echo b >b; echo s >sub/s; git add -A; git commit -qm first
		git branch same; git branch last
		git switch -q same; echo same >a; git commit -qam same; git tag same-1
		git switch -q -c trusted main; echo '{ }' >.mcp.json; echo trusted >b; git commit -qam trusted
		git switch -q -c bare main; git rm -q -r .vscode; git commit -qm bare
		git switch -q -c later main; echo later >a; git commit -qam later
		git switch -q main; git clone -q --bare . ../remote.git; git remote add origin ../remote.git; git fetch -q
		git branch -q -D same; git branch -q --track noted origin/later; git config alias.co checkout; git config alias.up 'pull --rebase'; git config alias.sh '!git switch'`)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Chdir(project)
	f := brief.Facts{Project: project, Mounts: []brief.Mount{{Path: dir, Mode: brief.Own}, {Path: project, Mode: brief.ReadWrite}, {Path: filepath.Join(dir, "other"), Mode: brief.ReadWrite}}}
	for _, p := range []string{".git/config", ".git/hooks", ".mcp.json", ".vscode"} {
		f.Protected = append(f.Protected, brief.Protected{Path: filepath.Join(project, p)})
	}
	return f, git
}

// TestAsk: what git would leave half done is refused, and nothing else.
func TestAsk(t *testing.T) {
	f, git := repository(t)
	for command, why := range map[string]string{
		// Files.
		"switch trusted": ".mcp.json", "switch bare": ".vscode/settings.json", "switch later": "", "switch -": "", "switch --detach trusted": ".mcp.json", "switch -c new trusted": ".mcp.json",
		"switch --orphan x": ".mcp.json, .vscode", "checkout trusted": ".mcp.json", "checkout -f trusted": ".mcp.json", "checkout later": "", "checkout -b new": "", "checkout -b new trusted": ".mcp.json", "checkout --orphan x": "",
		"-C sub switch trusted": ".mcp.json", "-c a.b=c --no-pager switch trusted": ".mcp.json", "co trusted": ".mcp.json", "-c alias.c=co c trusted": ".mcp.json", "sh trusted": "",
		"checkout trusted -- b": "", "checkout trusted b": "", "checkout trusted -- .": ".mcp.json", "checkout -- .": "", "checkout .": "", "checkout a": "",
		"restore -s trusted .": ".mcp.json", "restore -s trusted b": "", "restore --staged -s trusted .": "", "restore .": "",
		"reset --hard trusted": ".mcp.json", "reset --hard": "", "reset trusted": "", "reset --hard later": "",
		"merge trusted": ".mcp.json", "merge --no-ff -m x trusted": ".mcp.json", "merge later": "", "merge --abort": "", "merge later bare": ".vscode",
		"cherry-pick trusted": ".mcp.json", "cherry-pick main..trusted": ".mcp.json", "cherry-pick later": "", "cherry-pick --continue": "", "revert HEAD": ".mcp.json", "revert later": "",
		"rebase trusted": ".mcp.json", "rebase later": "", "rebase --continue": "", "rebase --onto bare later": ".vscode", "rebase main trusted": ".mcp.json", "rebase -i HEAD": "",
		"pull --rebase origin trusted": ".mcp.json", "pull origin trusted": ".mcp.json", "pull origin later": "", "up origin trusted": ".mcp.json", "pull --no-rebase origin later": "",
		"rm -r .": ".mcp.json", "rm -r --cached .": "", "rm a": "", "mv .vscode x": ".vscode", "mv a c": "", "stash": "", "bisect start bare main": ".vscode", "bisect start later main": "",
		// The configuration.
		"push -u origin main": "upstream", "push -fu origin main": "upstream", "push --set-upstream origin main": "upstream", "push origin main": "", "push": "", "push -o u origin main": "", "-c push.autoSetupRemote=true push": "upstream", "-c push.autoSetupRemote=true push origin main": "",
		"fetch --set-upstream origin": "upstream", "fetch": "", "pull --set-upstream origin later": "upstream",
		"switch same": "tracks", "checkout same": "tracks", "switch --no-guess same": "", "switch -c x --track origin/later": "tracks", "switch -c x origin/later": "tracks", "switch --no-track -c x origin/later": "", "checkout -t origin/same": "tracks", "checkout --detach origin/same": "",
		"-c branch.autoSetupMerge=false switch -c x origin/later": "", "-c branch.autoSetupMerge=always switch -c x later": "tracks",
		"branch x": "", "branch x later": "", "branch x origin/later": "tracks", "branch --no-track x origin/later": "", "branch -t x later": "tracks", "branch": "", "branch -a": "", "branch --contains main": "", "branch --list x": "", "branch -u origin/later later": "",
		"branch -m noted x": "notes", "branch -m later x": "notes", "branch -m x": "notes", "branch -c later x": "notes", "branch -c noted x": "notes", "branch -D noted": "tracks", "branch -D later": "", "branch -d -r origin/later": "",
		"submodule add ../remote.git s": "submodules", "submodule --quiet add ../remote.git s": "submodules", "submodule update --init": "", "submodule status": "", "submodule foreach add": "",
		"remote add x y": "remotes", "remote rm origin": "remotes", "remote": "", "remote -v": "", "remote show origin": "",
		"worktree add wt same": "tracks", "worktree add wt later": "", "worktree add -b x wt origin/later": "tracks",
		// Where a worktree would be lost.
		"worktree add ../x": "gone", "worktree add -b x ../x": "gone", "-C sub worktree add ../../x later": "gone", "-C sub worktree add ../x": "", "worktree add ../other/x": "", "worktree add ../tmp/x": "", "worktree list": "", "worktree remove ../x": "",
		// Nothing to refuse.
		"": "", "--version": "", "status": "", "nonsense trusted": "", "switch": "", "switch nothing": "", "-C": "", "-C ../nothing switch trusted": "",
	} {
		var args []string
		if command != "" {
			args = strings.Split(command, " ")
		}
		r := ask(git, f, args)
		switch {
		case r == nil && why != "":
			t.Errorf("git %s is not refused for %s", command, why)
		case r != nil && (why == "" || !strings.Contains(r.Why, why)):
			t.Errorf("git %s is refused, want %q: %s", command, why, r)
		case r != nil && (r.Command == "" || len(r.Instead) == 0):
			t.Errorf("git %s: %s", command, r)
		}
	}
	out, err := exec.Command(git, "status", "--porcelain", "--branch").CombinedOutput()
	if err != nil || string(out) != "## main\n" {
		t.Errorf("git was asked, and changed something: %v: %s", err, out)
	}
}

// TestAskNothing: where nothing is held nothing is refused but what would be lost.
func TestAskNothing(t *testing.T) {
	f, git := repository(t)
	f.Protected = nil
	for _, c := range []string{"switch trusted", "push -u origin main", "branch -m noted x", "submodule add x y", "pull origin trusted"} {
		if r := ask(git, f, strings.Split(c, " ")); r != nil {
			t.Errorf("%s", r)
		}
	}
	if r := ask(git, f, []string{"worktree", "add", "../x"}); r == nil {
		t.Error("a worktree would be lost")
	}
}

// TestStash: what a stash holds is asked about too.
func TestStash(t *testing.T) {
	f, git := repository(t)
	if err := os.WriteFile(".mcp.json", []byte("{ }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if ask(git, f, []string{"stash"}) == nil || ask(git, f, []string{"checkout", "."}) == nil || ask(git, f, []string{"reset", "--hard"}) == nil {
		t.Error("what the user changed would be half stashed")
	}
	if out, err := exec.Command(git, "stash").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, c := range []string{"stash pop", "stash apply 0", "stash apply stash@{0}", "stash branch x"} {
		if ask(git, f, strings.Split(c, " ")) == nil {
			t.Errorf("git %s", c)
		}
	}
	if r := ask(git, f, []string{"stash", "list"}); r != nil {
		t.Errorf("%s", r)
	}
}
