package files

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestGitSettings: git in a jail behaves as the user's, and has none of the
// user's programs, keys and tokens.
func TestGitSettings(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Write(w.Home+"/.config/git/ignore", "*.swp\n")
	w.Write(w.Home+"/attributes", "*.dat binary\n")
	config := w.Home + "/.gitconfig"
	before, err := os.ReadFile(config)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	w.Write(config, string(before)+`
[init]
	defaultBranch = "trunk"
[pull]
	rebase = true
[alias]
	last = "log -1 --format='%s'" # the last
	run = "!echo ran"
[core]
	attributesFile = ~/attributes
	sshCommand = ssh -i /secret
[credential]
	helper = store
[http "https://example.org/"]
	extraHeader = "Authorization: `+world.Planted+`"
[url "https://`+world.Planted+`@example.org/"]
	insteadOf = https://example.org/
[commit]
	gpgSign = true
[tag]
	gpgSign = true
`)
	w.Git(w.Project, "config", "commit.gpgsign", "true")
	w.Git(w.Project, "config", "gpg.program", "/bin/false")
	out := w.Must(`touch a.swp && git status --porcelain; git check-attr binary x.dat
		git init -q new && git -C new symbolic-ref HEAD; rm -rf new
		git config pull.rebase; git config --get-regexp 'ssh|credential|http|url|alias\.run'
		echo 1 >one && git add one && git commit -qm 'not signed' && git last && git log -1 --format='%G?' && git tag -a -m x v1 && git cat-file -p v1 | grep -c PGP; rm a.swp; true`)
	want := "x.dat: binary: set\nrefs/heads/trunk\ntrue\nnot signed\nN\n0\n"
	if out != want {
		t.Errorf("inside:\n%s\nnot\n%s", out, want)
	}
	if text := w.Must(`cat /etc/gitconfig; env`); strings.Contains(text, world.Planted) || strings.Contains(text, "/secret") {
		t.Errorf("a secret of git's configuration is in the jail:\n%s", text)
	}
	if s := strings.TrimSpace(w.Git(w.Project, "log", "-1", "--format=%s", "--no-show-signature")); s != "not signed" {
		t.Errorf("on the host the last commit is %q", s)
	}
	if _, err := os.Stat(filepath.Join(w.Project, "new")); err == nil {
		t.Error("left behind")
	}
}

// TestGitAsksNothing: what only looks goes to git at once. What could be left half done
// is asked about first, also where a word of a command that looks is in it.
func TestGitAsksNothing(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Git(w.Project, "commit", "-q", "--allow-empty", "-m", "first")
	w.Git(w.Project, "remote", "add", "origin", "/nowhere")
	for command, asks := range map[string]bool{
		"status": false, "remote get-url origin": false, "remote get-url --push origin": false, "remote -v": false, "branch --show-current": false,
		"worktree list --porcelain": false, "stash list": false,
		"remote -v add x y": true, "remote add -v x": true, "branch --show-current -m x": true, "switch --detach": true,
	} {
		out := w.Must("GIT_TRACE=/tmp/trace git " + command + " >/dev/null 2>&1; grep -m 1 'built-in: git' /tmp/trace")
		if got := !strings.HasSuffix(strings.TrimSpace(out), "built-in: git "+command); got != asks {
			t.Errorf("git %s: the first run of git is %s", command, out)
		}
	}
}
