package files

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// several makes a second project beside the first, with a policy of its own, and
// returns its folder and the flags.
func several(w *world.World) (other string, flags []string) {
	other = filepath.Join(w.Dir, "other")
	for _, dir := range []string{w.Project, other} {
		w.Write(filepath.Join(dir, ".vscode/tasks.json"), "{}\n")
		w.Write(filepath.Join(dir, "own.key"), "secret\n")
	}
	w.CommitAll()
	w.Repository(other)
	w.Write(filepath.Join(other, ".jailed-claude.toml"), "version = 1\n[files]\nhide = [\"*.key\"]\nwrite = [\""+w.Home+"\"]\n")
	return other, []string{"--project", w.Project, "--project", other}
}

// reaches tries on the further project what must not work, and says what did.
const reaches = `cd "$OTHER" && test "$PWD" != "$AT" && for c in 'echo evil >>.vscode/tasks.json' 'echo evil >>.git/config' 'echo evil >.git/hooks/post-commit' 'mv .git elsewhere' 'mv .vscode elsewhere' 'grep . own.key' 'rm -f own.key && echo x >own.key'; do (eval "$c") 2>/dev/null && echo "WORKED: $c"; done; echo ordinary >ordinary; cat "$AT/own.key"; true`

// TestProjects: of several projects each has the same care, by run and under runc and
// crun; the jail starts in the first one.
func TestProjects(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	other, flags := several(w)
	script := "AT=$PWD; OTHER=" + other + "; " + reaches
	check := func(by string, r world.Result) {
		t.Helper()
		if r.Status != 0 || r.Out != "secret\n" {
			t.Errorf("%s: %s", by, r)
		}
		if got := w.Git(other, "status", "--porcelain", "--ignored", "-uall"); got != "?? .jailed-claude.toml\n?? ordinary\n" {
			t.Errorf("%s: %q", by, got)
		}
		if err := os.Remove(filepath.Join(other, "ordinary")); err != nil {
			t.Errorf("%s: %v", by, err)
		}
	}
	r := world.Finish(t, w.Base(script, flags...))
	check("run", r)
	if !strings.Contains(r.Err, "only files.hide and files.protect count") {
		t.Errorf("%s", r)
	}
	for name, run := range w.Runtimes() {
		check(name, run(w.Bundle(nil, append(flags, "--net", "none", "--", "bash", "-c", script)...)))
	}
	if r := world.Finish(t, w.Base("echo x >"+other+"/x", append(flags, "--project-mode", "ro")...)); r.Status == 0 {
		t.Errorf("%s", r)
	}
}

// TestProjectsReported: what appears in the further one is named and reviewed where the
// jail was started, and git there refuses as in the first.
func TestProjectsReported(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	other, flags := several(w)
	r := world.Finish(t, w.Base("cd "+other+"; mkdir .claude nested nested/.git; echo {} >.claude/settings.json; echo ref: refs/heads/x >nested/.git/HEAD; mkdir nested/.git/objects nested/.git/refs", flags...))
	for _, want := range []string{".claude/settings.json", "nested/.git"} {
		if !strings.Contains(r.Err, filepath.Join(other, want)) {
			t.Errorf("%s is not named: %s", want, r)
		}
	}
	if r := world.Finish(t, w.Command("review", "--discard", other)); r.Status != 0 {
		t.Errorf("%s", r)
	}
	for _, gone := range []string{".claude/settings.json", "nested/.git"} {
		if _, err := os.Lstat(filepath.Join(other, gone)); err == nil {
			t.Errorf("%s is there", gone)
		}
	}
	w.Git(other, "checkout", "--quiet", "-b", "second")
	w.Write(filepath.Join(other, ".vscode/tasks.json"), "{\"a\": 1}\n")
	w.Git(other, "commit", "--quiet", "-am", "second")
	if r := w.Bash("cd "+other+" && git switch main", flags...); r.Status == 0 || !strings.Contains(r.Err, ".vscode") || w.Git(other, "status", "--porcelain", "-uno") != "" {
		t.Errorf("%s", r)
	}
}

// TestProjectsRefused: what cannot be cared for is refused by name.
func TestProjectsRefused(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	other, flags := several(w)
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"one in another":  {[]string{"--project", w.Project, "--project", w.Project + "/.vscode"}, "lie in one another"},
		"one around it":   {[]string{"--project", w.Project, "--project", w.Dir}, w.Dir},
		"the home":        {append([]string{"--project", w.Home}, flags...), "home"},
		"one that is not": {append(flags[:4:4], "--project", other+"/no"), "does not exist"},
		"a file":          {append(flags[:4:4], "--project", filepath.Join(other, "README")), "is not a folder"},
	} {
		if r := world.Finish(t, w.Base("true", c.args...)); r.Status != 125 || !strings.Contains(r.Err, c.says) {
			t.Errorf("%s: %s", name, r)
		}
	}
	for _, command := range [][]string{{"spec", "--portable"}, {"audit"}} {
		if r := world.Finish(t, w.Command(append(command, flags...)...)); r.Status != 125 || !strings.Contains(r.Err, "is about one project") {
			t.Errorf("%q: %s", command, r)
		}
	}
}
