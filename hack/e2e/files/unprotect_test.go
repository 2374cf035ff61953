package files

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestUnprotect: the user's policy or a flag lifts the protection of one path, and
// of no other; the policy of a project does not.
func TestUnprotect(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	for _, f := range []string{".vscode/settings.json", ".envrc", "sub/.vscode/tasks.json"} {
		w.Write(f, "{}\n")
	}
	w.CommitAll()
	vscode := filepath.Join(w.Project, ".vscode")
	const script = "for f in .vscode/settings.json .envrc sub/.vscode/tasks.json .git/config; do echo '# x' >>$f && echo $f; done 2>/dev/null; true"
	for name, c := range map[string]struct {
		flags []string
		own   string
		want  string
	}{
		"as it is":  {nil, "", ""},
		"by a flag": {[]string{"--unprotect", vscode}, "", ".vscode/settings.json\n"},
		"by policy": {nil, "version = 1\n[files]\nunprotect = [\"~/project/sub/.vscode\"]\n", "sub/.vscode/tasks.json\n"},
	} {
		own := filepath.Join(w.Home, ".config/jailed-claude/config.toml")
		w.Write(own, c.own+map[bool]string{true: "version = 1\n"}[c.own == ""])
		if got := w.Must(script, c.flags...); got != c.want {
			t.Errorf("%s: written %q, want %q", name, got, c.want)
		}
		w.Git(w.Project, "checkout", "-q", ".")
	}
	r := w.Run("explain", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--unprotect", vscode)
	if !strings.Contains(r.Out, "unprotected") || !strings.Contains(r.Out, "command line") {
		t.Errorf("explain does not say it: %s", r)
	}
	// A grant has no effect, so it is refused with what has one.
	for _, mode := range []string{"rw", "overlay"} {
		if r := w.Bash("true", "--write", vscode, "--project-mode", mode); r.Status != 125 || !strings.Contains(r.Err, "--unprotect "+vscode) {
			t.Errorf("%s: a grant: %s", mode, r)
		}
	}
	w.Write(".jailed-claude.toml", "version = 1\n[files]\nunprotect = [\"~/project/.vscode\"]\n")
	if r := w.Bash("true"); r.Status != 125 || !strings.Contains(r.Err, "not for the policy of a project") {
		t.Errorf("the project's policy: %s", r)
	}
}

// TestStartInAFolder: with --project the program starts in the current folder, if
// that is in the project.
func TestStartInAFolder(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Write("mono/a/b/f", "x\n")
	w.Write("hidden/f", "x\n")
	for dir, want := range map[string]string{"mono/a/b": "mono/a/b", ".": ".", "hidden": ".", "..": "."} {
		c := w.BashCommand("pwd; git log -1 --format=%s", "--project", w.Project, "--hide", "hidden/")
		c.Dir = filepath.Join(w.Project, dir)
		if r := world.Finish(t, c); r.Out != filepath.Join(w.Project, want)+"\nfirst\n" {
			t.Errorf("from %s: %s", dir, r)
		}
	}
}
