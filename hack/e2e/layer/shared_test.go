package layer

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestSharedRepository: in a repository that is shared with a group git works, also
// where the caller's umask is the usual one, and what it makes is the group's; what
// is applied from a layer too. The set-group-ID bit itself stays out of reach.
func TestSharedRepository(t *testing.T) {
	t.Parallel()
	for _, shared := range []string{"group", "all"} {
		for _, mode := range []string{"rw", "overlay"} {
			t.Run(shared+", "+mode, func(t *testing.T) {
				t.Parallel()
				w := world.New(t)
				host(t, w, w.Project, "rm -rf .git; git init -q --shared="+shared+"; git add -A; git commit -qm first")
				r := w.Bash(`set -e; umask; for i in 1 2 3; do echo $i >>f; git add f; git commit -qm $i; done; git switch -qc deep/branch; mkdir d; echo x >d/x; git add d; git commit -qm d; git gc -q
					echo y >d/y; git add d; git commit -qm y; touch own; mkdir dir; ! chmod 2755 own 2>/dev/null; ! chmod 2755 dir 2>/dev/null; rm -r own dir`, "--project-mode", mode)
				if r.Status != 0 || !strings.HasPrefix(r.Out, "0002\n") {
					t.Fatalf("%s", r)
				}
				if mode == "overlay" {
					if r := world.Finish(t, w.Command("review", "--apply")); r.Status != 0 {
						t.Fatalf("%s", r)
					}
				}
				if got := host(t, w, w.Project, "git fsck --strict; git log --format=%s deep/branch | head -1; find .git/objects .git/refs -type d ! -perm -2070; find .git/objects -type f ! -perm -0440"); got != "y\n" {
					t.Errorf("on the host: %q", got)
				}
			})
		}
	}
	w := world.New(t)
	if r := w.Bash("umask"); r.Out != "0022\n" {
		t.Errorf("in a repository that is not shared: %s", r)
	}
	host(t, w, w.Project, "git config core.sharedRepository umask")
	if r := w.Bash("umask"); r.Out != "0022\n" {
		t.Errorf("in a repository that is shared with nobody: %s", r)
	}
}

// TestReadOnlyLFS: git-lfs compares files in a project that it cannot write to.
func TestReadOnlyLFS(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git-lfs"); err != nil {
		world.Cannot(t, "no git-lfs: %v", err)
	}
	w := world.New(t)
	host(t, w, w.Project, "git lfs install --skip-repo >/dev/null; git lfs track '*.bin' >/dev/null; echo large >x.bin; git add -A; git commit -qm lfs; touch x.bin; echo '*.other filter=lfs' >>.gitattributes; git lfs ls-files >&2")
	before := print(t, filepath.Join(w.Project, ".git"))
	for _, mode := range []string{"ro", "rw", "overlay"} {
		host(t, w, w.Project, "touch x.bin")
		r := world.Finish(t, w.Command("shell", "--package", "host", "--net", "none", "--project-mode", mode, "--", "bash", "-c", "git status --porcelain && git lfs ls-files && git diff --stat"))
		if r.Status != 0 || !strings.HasPrefix(r.Out, " M .gitattributes\n") || !strings.Contains(r.Out, "* x.bin\n") {
			t.Errorf("%s: %s", mode, r)
		}
		if mode == "ro" {
			unchanged(t, filepath.Join(w.Project, ".git"), before)
		}
	}
}
