package host

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fake is a host of its own for one test: a root for the system's files, a
// home, and a project.
type fake struct {
	*source
	t             *testing.T
	home, project string
}

func newFake(t *testing.T) *fake {
	t.Helper()
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, home: filepath.Join(top, "home"), project: filepath.Join(top, "home/src/project")}
	f.source = &source{
		root: filepath.Join(top, "root"),
		env:  map[string]string{"HOME": f.home, "PATH": os.Getenv("PATH"), "GIT_DIR": "/nonexistent"},
		uid:  os.Getuid(), gid: os.Getgid(),
		look: func(name string) (string, error) {
			if name != "git" {
				return "", exec.ErrNotFound
			}
			return exec.LookPath(name)
		},
	}
	for _, dir := range []string{f.root + "/etc", f.project} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// write makes files in dir: a name that ends in "/" is a folder, a content
// that begins with "->" a symlink.
func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(content, "->"); ok {
			err = os.Symlink(target, path)
		} else if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(path, 0o755)
		} else {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// files makes empty files.
func files(t testing.TB, dir string, names ...string) {
	t.Helper()
	m := map[string]string{}
	for _, n := range names {
		m[n] = ""
	}
	write(t, dir, m)
}

func (f *fake) mustRead(o Options) *Facts {
	f.t.Helper()
	if o.ProjectDir == "" {
		o.ProjectDir = f.project
	}
	facts, err := f.read(context.Background(), o)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, list := range [][]Path{facts.Project.Hide, facts.Project.Protect} {
		for _, p := range list {
			real, err := filepath.EvalSymlinks(p.Path)
			if err != nil || real != p.Path || p.Why == "" || p.Dir != isDir(real) {
				f.t.Errorf("entry %+v is not what it should be", p)
			}
		}
	}
	for _, w := range facts.Project.Watch {
		if exists(w.Path) || w.Why == "" {
			f.t.Errorf("watch %+v exists, or has no reason", w)
		}
	}
	return facts
}

// git runs git in dir as a user would.
func (f *fake) git(dir string, args ...string) {
	f.t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main",
		"-c", "user.name=T", "-c", "user.email=t@example.org"}, args...)...)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + f.home, "PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1"}
	if out, err := cmd.CombinedOutput(); err != nil {
		f.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// repo makes a repository with one commit.
func (f *fake) repo(dir string) {
	f.t.Helper()
	write(f.t, dir, map[string]string{"README": "x"})
	f.git(dir, "init", "-q")
	f.git(dir, "add", "README")
	f.git(dir, "commit", "-q", "-m", "first")
}

// names lists paths below dir.
func names(list []Path, dir string) (out []string) {
	for _, p := range list {
		out = append(out, rel(p.Path, dir))
	}
	return out
}

func rels(list []string, dir string) (out []string) {
	for _, p := range list {
		out = append(out, rel(p, dir))
	}
	return out
}

func rel(path, dir string) string {
	if r, ok := strings.CutPrefix(path, dir+"/"); ok {
		return r
	}
	return path
}

func equal(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// has fails unless every one of want is in got.
func has(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("%s: %q is missing in %q", what, w, got)
		}
	}
}

// hasNot fails if one of bad is in got.
func hasNot(t testing.TB, what string, got []string, bad ...string) {
	t.Helper()
	for _, b := range bad {
		if slices.Contains(got, b) {
			t.Errorf("%s: %q is in %q", what, b, got)
		}
	}
}

// warned fails unless a warning has the text.
func warned(t testing.TB, f *Facts, text string) {
	t.Helper()
	if !slices.ContainsFunc(f.Warnings, func(w string) bool { return strings.Contains(w, text) }) {
		t.Errorf("no warning with %q in %q", text, f.Warnings)
	}
}

func requireGit(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("JAIL_TEST_MUST_RUN") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

func mkfifo(t testing.TB, path string) {
	t.Helper()
	if err := unix.Mkfifo(path, 0o644); err != nil {
		t.Fatal(err)
	}
}
