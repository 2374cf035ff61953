package files

import (
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestHideSaysWhereItDoesNot: where a pattern is not looked for, the start says
// so, and how it is; and that what git tracks is in its history.
func TestHideSaysWhereItDoesNot(t *testing.T) {
	t.Parallel()
	const passed, tracked = "is not hidden in", "git tracks it"
	w := world.New(t)
	for _, f := range []string{"node_modules/m/.env", ".venv/.env", "a/target/CACHEDIR.TAG", "a/target/.env", "untracked/.env", "secrets/a/b"} {
		w.Write(f, "mine\n")
	}
	w.Write("kept/.env", "mine\n")
	w.Git(w.Project, "add", "--force", "kept/.env", "secrets")
	for _, c := range []struct {
		flags []string
		file  string // is empty inside, or with "!" is not
		want  []string
		not   []string
	}{
		{[]string{"--hide", ".env"}, "!node_modules/m/.env", []string{passed, "2 more folders", tracked, "/kept/.env"}, []string{"/untracked/.env"}},
		{[]string{"--hide", "node_modules/**/.env"}, "node_modules/m/.env", nil, []string{passed, tracked}},
		{[]string{"--hide", "/untracked/.env"}, "untracked/.env", nil, []string{passed, tracked}},
		{[]string{"--hide", "/secrets/"}, "secrets/a/b", []string{"/secrets", tracked}, []string{passed, "/secrets/a"}},
		{nil, "!kept/.env", nil, []string{passed, tracked}},
	} {
		name, open := strings.CutPrefix(c.file, "!")
		r := w.Bash("test -s "+name, c.flags...)
		if (r.Status == 0) != open {
			t.Errorf("%q: %s", c.flags, r)
		}
		for _, s := range c.want {
			if !strings.Contains(r.Err, s) {
				t.Errorf("%q: no %q: %s", c.flags, s, r)
			}
		}
		for _, s := range c.not {
			if strings.Contains(r.Err, s) {
				t.Errorf("%q: %q: %s", c.flags, s, r)
			}
		}
	}
}
