package files

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestJailMakesWhatIsGone: what the host moved away, and the jail makes again, is
// the jail's, however it gets its name: also by one rename(2), as the host's
// programs do it.
func TestJailMakesWhatIsGone(t *testing.T) {
	t.Parallel()
	// Until a folder is mounted on itself again.
	const covered = `for i in $(seq 1000); do grep -q " $PWD/$F " /proc/self/mountinfo && break; sleep 0.02; done`
	for name, c := range map[string]struct{ host, inside, path string }{
		"the folder above":  {"mv pkg old", "mkdir pkg; F=pkg; COVERED; echo evil >pkg/t; mv pkg/t pkg/.envrc", "pkg/.envrc"},
		"two folders above": {"mv a old", "mkdir -p a/b; F=a/b; COVERED; echo evil >a/b/t; mv a/b/t a/b/.envrc", "a/b/.envrc"},
		"with all in it":    {"mv pkg old", "mkdir new; echo evil >new/.envrc; mv new pkg", "pkg/.envrc"},
		"as git writes":     {"mv .git old", "mkdir .git; F=.git; COVERED; echo evil >.git/config.lock; mv .git/config.lock .git/config", ".git/config"},
		"a folder":          {"mv .vscode old", "mkdir new; echo evil >new/tasks.json; mv new .vscode", ".vscode"},
		"a file":            {"mv .envrc old", "echo evil >t; mv t .envrc", ".envrc"},
		"another folder":    {"mkdir other; mv pkg old; mv other pkg", "F=pkg; COVERED; echo evil >pkg/t; mv pkg/t pkg/.envrc", "pkg/.envrc"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := protectedProject(t)
			for _, p := range []string{"pkg/.envrc", "a/b/.envrc"} {
				w.Write(p, "mine\n")
			}
			m := beside(w)
			m.host(c.host)
			if out, status := m.inside(strings.ReplaceAll(c.inside, "COVERED", covered)); status != "0" {
				t.Fatalf("status %s: %s", status, out)
			}
			end := m.end()
			found := false
			for line := range strings.Lines(end.Err) {
				found = found || strings.Contains(line, `"`+filepath.Join(w.Project, c.path)+`": `) && strings.Contains(line, "review it")
			}
			if !found {
				t.Errorf("not to be reviewed: %s", end)
			}
		})
	}
}
