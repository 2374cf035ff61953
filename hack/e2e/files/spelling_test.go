package files

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestNamesOfMoreThanOneSpelling: where ".GIT" is ".git" too, a project is refused,
// unless it is read-only and hides nothing.
func TestNamesOfMoreThanOneSpelling(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	dir := filepath.Join(w.Home, "folding")
	w.Mkdir(dir, 0o755)
	(&world.Folding{Folds: world.AnyCase}).Mount(t, dir)
	// Also where it is mounted in a project or a folder of files.write.
	disk := filepath.Join(w.Home, "above/disk")
	w.Mkdir(disk, 0o755)
	(&world.Folding{Folds: world.AnyCase}).Mount(t, disk)
	if _, err := os.Stat(dir + "/.GIT/Config"); err != nil {
		t.Fatal(err)
	}
	ro := w.Write(w.Dir+"/ro.toml", "version = 1\n[files]\nproject = \"ro\"\n")
	hides := w.Write(w.Dir+"/hides.toml", "version = 1\n[files]\nproject = \"ro\"\nhide = [\"README\"]\n")
	for _, c := range []struct {
		flags  []string
		status int
	}{
		{[]string{"--project", dir}, 125},
		{[]string{"--project", dir + "/.git"}, 125},
		{[]string{"--project", dir, "--policy", ro}, 0},
		{[]string{"--project", dir, "--policy", hides}, 125},
		{[]string{"--write", dir}, 125},
		{[]string{"--write", dir, "--policy", ro}, 125},
		{[]string{"--read", dir}, 0},
		{[]string{"--project", w.Home + "/above"}, 125},
		{[]string{"--project", w.Home + "/above", "--hide", "/disk/"}, 0},
		{[]string{"--write", w.Home + "/above"}, 125},
	} {
		if r := w.Bash("true", c.flags...); r.Status != c.status || c.status != 0 && !strings.Contains(r.Err, "names have more than one spelling") {
			t.Errorf("%q: %s", c.flags, r)
		}
	}
}

// TestFolderOfMoreThanOneSpelling: one folder of a project may take ".GIT" for
// ".git" (ext4 with the feature casefold, chattr +F). What is made there by another
// spelling is named by that which programs look for; and where something is there
// already, the project is refused.
func TestFolderOfMoreThanOneSpelling(t *testing.T) {
	t.Parallel()
	for _, flags := range [][]string{nil, {"--strict"}} {
		w := world.New(t)
		dir := filepath.Join(w.Home, "folding")
		w.Mkdir(dir, 0o755)
		(&world.Folding{Folds: func(folder, name, asked string) bool { return folder == "sub" && strings.EqualFold(name, asked) }}).Mount(t, dir)
		script, status := "mkdir sub/plain sub/.GIT sub/.VsCode", 0
		want := []string{dir + "/sub/.git\": a new git repository", dir + "/sub/.vscode\": "}
		if flags != nil {
			script, status, want = "mkdir sub/.GIT; sleep 60", 125, want[:1]
		}
		r := w.Bash(script, append([]string{"--project", dir}, flags...)...)
		for _, name := range want {
			if r.Status != status || !strings.Contains(r.Err, name) {
				t.Errorf("%q: no %q: %s", flags, name, r)
			}
		}
		if r := w.Bash("true", "--project", dir); r.Status != 125 || !strings.Contains(r.Err, "\".GIT\" is \".git\" too") {
			t.Errorf("it started: %s", r)
		}
	}
}
