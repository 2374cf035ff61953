package files

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestSoakHostWorks: what people do beside a jail, in a loop, while the jail
// writes to the project: no command of the host fails, the jail goes on, and
// nothing is unprotected afterwards.
func TestSoakHostWorks(t *testing.T) {
	t.Parallel()
	long, atLeast := 5*time.Second, 1
	if world.Soak() {
		long, atLeast = time.Minute, 1000/savesPerRound+1
	}
	w := protectedProject(t)
	npm := npmProject(w)
	w.Write(".gitignore", "work/\nnode_modules/\n.env\n")
	w.CommitAll()
	w.Write(".env", "old\n")
	m := beside(w, "--hide", ".env")
	if _, status := m.inside(`mkdir -p work; (while [ ! -e work/stop ]; do for i in 1 2 3 4 5 6 7 8 9; do echo $i >>work/$i; mv work/$i work/m$i; done; git --no-optional-locks status >/dev/null; cat .envrc .vscode/* .git/config node_modules/*/* >/dev/null; done) & true`); status != "0" {
		t.Fatalf("the jail does not work: %s", status)
	}
	script := `set -e
		git switch -q other; git switch -q main
		git -c gc.auto=0 commit -q --allow-empty --no-verify -m "$1"
		echo more >>README; git stash -q; git stash pop -q; git commit -q --no-verify -am more
		git switch -q -c side$1 HEAD~1; git commit -q --allow-empty --no-verify -m side; git rebase -q main; git switch -q main; git branch -q -D side$1
		git config branch.main.remote origin$1
		for i in $(seq $2); do
			case $((i % 4)) in
			0) echo "save $i" >.envrc.tmp; mv .envrc.tmp .envrc; echo "secret $i" >e; mv e .env;;
			1) mv .envrc .envrc~; echo "save $i" >.envrc; rm .envrc~;;
			2) echo "save $i" >.envrc;;
			3) sed -i s/save/saved/ .envrc;;
			esac
		done
		git checkout -q .envrc
		[ $(($1 % 10)) -ne 5 ] || $3
		[ $(($1 % 10)) -ne 9 ] || git gc -q`
	rounds := 0
	for end := time.Now().Add(long); time.Now().Before(end) || rounds < atLeast; rounds++ {
		c := exec.Command("bash", "-c", script, "bash", fmt.Sprint(rounds), fmt.Sprint(savesPerRound), npm)
		c.Dir, c.Env = w.Project, w.Environ()
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("on the host, round %d: %v\n%s", rounds, err, out)
		}
	}
	time.Sleep(100 * time.Millisecond)
	if _, status := m.inside("touch work/stop; wait"); status != "0" {
		t.Errorf("the jail ended: %s", status)
	}
	for _, p := range []string{".envrc", ".vscode/tasks.json", ".git/config", ".git/hooks/pre-commit"} {
		before := w.Read(p)
		if out, _ := m.inside("echo evil >>" + p + "; rm -f " + p + "; mv " + p + " x"); w.Read(p) != before {
			t.Errorf("%s is open after %d rounds: %s", p, rounds, out)
		}
	}
	w.Write(filepath.Join(w.Project, ".env"), world.Planted)
	if out, _ := m.inside("cat .env"); strings.Contains(out, world.Planted) {
		t.Error("what is hidden can be read")
	}
	if end := m.end(); end.Status == 125 || !strings.Contains(end.Err, "the host replaced files") {
		t.Errorf("at the end: %s", end)
	}
	world.Counted(t, "%d rounds of the host's work beside a jail, with %d times saved", rounds, rounds*savesPerRound)
}

// TestSoakHostBesideGit: beside a jail whose agent types git all the time, the host's
// git fails only where git fails beside any other one: whoever finds index.lock has
// to try again. What it does after that is complete, and as protected as before.
func TestSoakHostBesideGit(t *testing.T) {
	t.Parallel()
	long := 5 * time.Second
	if world.Soak() {
		long = time.Minute
	}
	w := protectedProject(t)
	m := beside(w)
	if _, status := m.inside(`(while [ ! -e stop ]; do git status; git add README; git diff; done >/dev/null 2>&1) & true`); status != "0" {
		t.Fatalf("the jail does not work: %s", status)
	}
	rounds, locked := 0, 0
	for end := time.Now().Add(long); time.Now().Before(end) || rounds == 0; rounds++ {
		for _, args := range [][]string{
			{"switch", "-q", "other"},
			{"switch", "-q", "main"},
			{"commit", "-q", "--allow-empty", "--no-verify", "-m", fmt.Sprint(rounds)},
			{"config", "branch.main.remote", fmt.Sprint("origin", rounds)},
		} {
			for limit := time.Now().Add(world.Deadline / 3); ; locked++ {
				c := exec.Command("git", args...)
				c.Dir, c.Env = w.Project, w.Environ()
				out, err := c.CombinedOutput()
				if err == nil {
					break
				}
				if !strings.Contains(string(out), "index.lock': File exists") || time.Now().After(limit) {
					t.Fatalf("round %d: git %q: %v\n%s", rounds, args, err, out)
				}
			}
		}
	}
	if _, status := m.inside("touch stop; wait"); status != "0" {
		t.Errorf("the jail ended: %s", status)
	}
	w.Git(w.Project, "fsck", "--strict")
	for _, p := range []string{".envrc", ".vscode/tasks.json", ".git/config"} {
		before := w.Read(p)
		if out, _ := m.inside("echo evil >>" + p + "; rm -f " + p + "; mv " + p + " x"); w.Read(p) != before {
			t.Errorf("%s is open after %d rounds: %s", p, rounds, out)
		}
	}
	if end := m.end(); end.Status == 125 {
		t.Errorf("at the end: %s", end)
	}
	world.Counted(t, "%d rounds of the host's git beside a jail's, which met its lock %d times", rounds, locked)
}

const savesPerRound = 50

// npmProject gives a project a dependency, and returns what installs it anew; where
// there is no npm, what comes close.
func npmProject(w *world.World) string {
	w.T.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		return "eval rm -rf node_modules && mkdir -p node_modules/a/b node_modules/c && echo x >node_modules/a/b/x"
	}
	w.Write("dep/package.json", `{"name":"dep","version":"1.0.0"}`)
	w.Write("dep/index.js", "module.exports = 1\n")
	w.Write("package.json", `{"name":"site","version":"1.0.0"}`)
	c := exec.Command("bash", "-c", "npm pack --silent ./dep && npm install --offline --no-audit --no-fund --silent ./dep-1.0.0.tgz")
	c.Dir, c.Env = w.Project, w.Environ()
	if out, err := c.CombinedOutput(); err != nil {
		w.T.Fatalf("npm: %v\n%s", err, out)
	}
	return "npm ci --offline --no-audit --no-fund --silent"
}
