package hosttest

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

// TB is what this package wants of a *testing.T.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Skip(args ...any)
	TempDir() string
}

// Fake is a host of its own for one test: a root for the system's files, a
// home, and a project.
type Fake struct {
	*source.Source
	T             TB
	Home, Project string
}

// New makes one, with git as its only program.
func New(t TB) *Fake {
	t.Helper()
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f := &Fake{T: t, Home: filepath.Join(top, "home"), Project: filepath.Join(top, "home/src/project")}
	f.Source = &source.Source{
		Root: filepath.Join(top, "root"),
		Env:  map[string]string{"HOME": f.Home, "PATH": os.Getenv("PATH"), "GIT_DIR": "/nonexistent"},
		UID:  os.Getuid(), GID: os.Getgid(), Umask: 0o022,
		Look: func(name string) (string, error) {
			if name != "git" {
				return "", exec.ErrNotFound
			}
			return exec.LookPath(name)
		},
	}
	for _, dir := range []string{f.Root + "/etc", f.Project} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// Write makes files in dir: a name that ends in "/" is a folder, a content
// that begins with "->" a symlink.
func Write(t TB, dir string, files map[string]string) {
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
			err = os.WriteFile(path, []byte(content), 0o644) //nolint:gosec // the file of a made-up host, for tests
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Files makes empty files.
func Files(t TB, dir string, names ...string) {
	t.Helper()
	m := map[string]string{}
	for _, n := range names {
		m[n] = ""
	}
	Write(t, dir, m)
}

// Git runs git in dir as a user would.
func (f *Fake) Git(dir string, args ...string) {
	f.T.Helper()
	cmd := exec.Command("git", append([]string{
		"-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main",
		"-c", "user.name=T", "-c", "user.email=t@example.org",
	}, args...)...)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + f.Home, "PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1"}
	if out, err := cmd.CombinedOutput(); err != nil {
		f.T.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// Repo makes a repository with one commit.
func (f *Fake) Repo(dir string) {
	f.T.Helper()
	Write(f.T, dir, map[string]string{"README": "x"})
	f.Git(dir, "init", "-q")
	f.Git(dir, "add", "README")
	f.Git(dir, "commit", "-q", "-m", "first")
}

// Rels are paths as they are below dir.
func Rels(list []string, dir string) (out []string) {
	for _, p := range list {
		out = append(out, Rel(p, dir))
	}
	return out
}

// Rel is a path as it is below dir.
func Rel(path, dir string) string {
	if r, ok := strings.CutPrefix(path, dir+"/"); ok {
		return r
	}
	return path
}

// Equal fails unless both are the same.
func Equal(t TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// Has fails unless every one of want is in got.
func Has(t TB, what string, got []string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("%s: %q is missing in %q", what, w, got)
		}
	}
}

// HasNot fails if one of bad is in got.
func HasNot(t TB, what string, got []string, bad ...string) {
	t.Helper()
	for _, b := range bad {
		if slices.Contains(got, b) {
			t.Errorf("%s: %q is in %q", what, b, got)
		}
	}
}

// RequireGit skips a test where there is no git.
func RequireGit(t TB) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("JAIL_TEST_MUST_RUN") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// Mkfifo makes a FIFO.
func Mkfifo(t TB, path string) {
	t.Helper()
	if err := unix.Mkfifo(path, 0o644); err != nil {
		t.Fatal(err)
	}
}
