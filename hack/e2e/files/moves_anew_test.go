package files

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
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

// TestJailMadeTheOtherFolder: where a folder that the jail has filled takes the place of
// another one at once, there is no moment in which nothing is there; and what is heard
// then is of the folder from before, in which the host replaces the same name.
func TestJailMadeTheOtherFolder(t *testing.T) {
	t.Parallel()
	w := protectedProject(t)
	w.Write("pkg/.envrc", "mine\n")
	m := beside(w)
	if out, status := m.inside("mkdir other; echo evil >other/.envrc"); status != "0" {
		t.Fatalf("status %s: %s", status, out)
	}
	time.Sleep(time.Second) // it is known what was there
	pkg, other, fresh := filepath.Join(w.Project, "pkg"), filepath.Join(w.Project, "other"), w.Write("fresh", "new\n")
	if err := errors.Join(unix.Renameat2(unix.AT_FDCWD, pkg, unix.AT_FDCWD, other, unix.RENAME_EXCHANGE), os.Rename(fresh, filepath.Join(other, ".envrc"))); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	if _, status := m.inside("echo more >>pkg/.envrc"); status == "0" || w.Read("pkg/.envrc") != "evil\n" {
		t.Errorf("it is not protected: %q", w.Read("pkg/.envrc"))
	}
	time.Sleep(time.Second) // it is judged
	if end := m.end(); !strings.Contains(end.Err, `"`+filepath.Join(pkg, ".envrc")+`": replaced once`) || !strings.Contains(end.Err, "review it: the jail could change it") {
		t.Errorf("not to be reviewed: %s", end)
	}
}
