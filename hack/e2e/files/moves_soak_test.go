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
	long := 5 * time.Second
	if world.Soak() {
		long = time.Minute
	}
	w := protectedProject(t)
	w.Write(".gitignore", "work/\nnode_modules/\n.env\n")
	w.CommitAll()
	w.Write(".env", "old\n")
	m := beside(w, "--hide", ".env")
	if _, status := m.inside(`mkdir -p work; (while [ ! -e work/stop ]; do for i in 1 2 3 4 5 6 7 8 9; do echo $i >>work/$i; mv work/$i work/m$i; done; git --no-optional-locks status >/dev/null; cat .envrc .vscode/* .git/config >/dev/null; done) & true`); status != "0" {
		t.Fatalf("the jail does not work: %s", status)
	}
	script := `set -e
		git switch -q other; git switch -q main
		git -c gc.auto=0 commit -q --allow-empty --no-verify -m "$1"
		echo more >>README; git stash -q; git stash pop -q; git commit -q --no-verify -am more
		git switch -q -c side$1 HEAD~1; git commit -q --allow-empty --no-verify -m side; git rebase -q main; git switch -q main; git branch -q -D side$1
		git config branch.main.remote origin$1
		for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do echo "save $i" >.envrc.tmp; mv .envrc.tmp .envrc; echo "secret $i" >e; mv e .env; done
		git checkout -q .envrc
		rm -rf node_modules; mkdir -p node_modules/a/b node_modules/c; echo x >node_modules/a/b/x
		[ $(($1 % 10)) -ne 9 ] || git gc -q`
	rounds := 0
	for end := time.Now().Add(long); time.Now().Before(end); rounds++ {
		c := exec.Command("bash", "-c", script, "bash", fmt.Sprint(rounds))
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
	world.Counted(t, "%d rounds of the host's work beside a jail", rounds)
}
