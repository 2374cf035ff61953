package commits

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repository is a clone with one commit, the base.
type repository struct {
	t   *testing.T
	dir string
}

func newRepository(t *testing.T) *repository {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	r := &repository{t, t.TempDir()}
	r.git("init", "--quiet")
	r.commit("a base that is older than the rules", "main.go")
	return r
}

func (r *repository) git(args ...string) string {
	r.t.Helper()
	c := exec.Command("git", args...)
	c.Dir = r.dir
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.org")
	out, err := c.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r *repository) commit(message, file string) {
	r.t.Helper()
	f, err := os.OpenFile(filepath.Join(r.dir, file), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := f.WriteString(message + "\n"); err != nil {
		r.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.git("add", ".")
	r.git("commit", "--quiet", "-m", message)
}

// check is what the script says of the commits after base.
func check(t *testing.T, dir, base string) (said string, ok bool) {
	t.Helper()
	script, err := filepath.Abs("commits.sh")
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(script, base)
	c.Dir = dir
	out, err := c.CombinedOutput()
	return string(out), err == nil
}

func TestMessages(t *testing.T) {
	for _, c := range []struct {
		name, message, file, say string // no say: it is in order
	}{
		{"with a body", "spec: a rule\n\nSince there was none.", "a.go", ""},
		{"several rooms", "hack/e2e, docs: what is tested\n\nWhy.", "a.sh", ""},
		{"documents need no body", "README.md: a word", "README.md", ""},
		{"72 characters", "spec: " + strings.Repeat("x", 66), "README.md", ""},
		{"73 characters", "spec: " + strings.Repeat("x", 67), "README.md", "73 characters"},
		{"no room", "Fix it", "README.md", "not 'room: what changed'"},
		{"nothing after the room", "spec:", "README.md", "not 'room: what changed'"},
		{"code without a body", "spec: a rule", "a.go", "no body says why"},
		{"C without a body", "runtime: a call", "a.c", "no body says why"},
		{"a trailer is no body", "spec: a rule\n\nSigned-off-by: A <a@example.org>", "a.go", "no body says why"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRepository(t)
			base := r.git("rev-parse", "HEAD")
			r.commit(c.message, c.file)
			said, ok := check(t, r.dir, base)
			if ok != (c.say == "") || !strings.Contains(said, c.say) {
				t.Errorf("in order: %v, said %q; want %q", ok, said, c.say)
			}
		})
	}
}

// TestShallowClone: what is not there cannot be checked; what is, is.
func TestShallowClone(t *testing.T) {
	r := newRepository(t)
	base := r.git("rev-parse", "HEAD")
	r.commit("spec: a rule\n\nWhy.", "a.go")
	for _, c := range []struct {
		subject, say string
	}{
		{"docs: the last one", ""},
		{"Not as it should be", "not 'room: what changed'"},
	} {
		r.commit(c.subject, "README.md")
		clone := filepath.Join(t.TempDir(), "clone")
		r.git("clone", "--quiet", "--depth=1", "file://"+r.dir, clone)
		if said, ok := check(t, clone, base); ok != (c.say == "") || !strings.Contains(said, c.say) {
			t.Errorf("%s: in order: %v, said %q", c.subject, ok, said)
		}
	}
	if said, ok := check(t, t.TempDir(), base); !ok || !strings.Contains(said, "not a clone") {
		t.Errorf("without a repository: %v, said %q", ok, said)
	}
}
