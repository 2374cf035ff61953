package files

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// plant makes the programs that jailed-claude itself runs, in a folder. Each leaves
// its mark where it is executed.
func plant(w *world.World, bin string) (mark string) {
	w.T.Helper()
	mark = filepath.Join(w.Dir, "executed")
	for _, name := range []string{"git", "nix", "nix-store"} {
		w.Write(bin+"/"+name, "#!/bin/sh\necho $0 >>"+mark+"\n")
		if err := os.Chmod(bin+"/"+name, 0o755); err != nil {
			w.T.Fatal(err)
		}
	}
	return mark
}

// TestProgramsOfAFurtherFolder: nor from another folder that the jail may write.
func TestProgramsOfAFurtherFolder(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	bin := filepath.Join(w.Home, "tools/bin")
	mark := plant(w, bin)
	if err := os.Symlink(bin, w.Home+"/link"); err != nil {
		t.Fatal(err)
	}
	w.Write(w.Home+"/.gitconfig", w.Read(w.Home+"/.gitconfig")+"[include]\n\tpath = name\n")
	w.Write(w.Home+"/name", "[user]\n\tname = Included\n")
	path := w.Env["PATH"]
	for _, dir := range []string{bin, w.Home + "/link"} {
		w.Env["PATH"] = dir + ":" + path
		if r := w.Bash("git config user.name", "--write", w.Home+"/tools"); strings.TrimSpace(r.Out) != "Included" {
			t.Errorf("%s: the host's git was not asked: %s", dir, r)
		}
		w.Run("shell", "--write", w.Home+"/tools", "--nix", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--", "true")
		if text, err := os.ReadFile(mark); err == nil {
			t.Errorf("%s: executed: %s", dir, text)
			_ = os.Remove(mark)
		}
	}
}

// TestProgramsOfTheProject: what jailed-claude runs itself is never taken from the
// project, by whatever way PATH leads there.
func TestProgramsOfTheProject(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	bin := filepath.Join(w.Project, "node_modules/.bin")
	mark := plant(w, bin)
	w.Mkdir(w.Home+"/bin", 0o755)
	for link, to := range map[string]string{w.Home + "/link": bin, w.Home + "/bin/git": bin + "/git", w.Home + "/bin/nix": bin + "/nix", w.Home + "/bin/nix-store": bin + "/nix-store"} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	// An include is for git itself to read.
	w.Write(w.Home+"/.gitconfig", w.Read(w.Home+"/.gitconfig")+"[include]\n\tpath = name\n")
	w.Write(w.Home+"/name", "[user]\n\tname = Included\n")
	// And a layer that can be reviewed.
	if r := w.Bash("git commit --quiet --allow-empty --message x", "--project-mode", "overlay"); r.Status != 0 {
		t.Fatal(r)
	}
	path := w.Env["PATH"]
	for _, dir := range []string{bin, w.Home + "/link", w.Home + "/bin", "node_modules/.bin", bin + "/../.bin/", w.Home + "/link/."} {
		w.Env["PATH"] = dir + ":" + path
		r := w.Bash("git config user.name")
		if strings.TrimSpace(r.Out) != "Included" {
			t.Errorf("%s: the host's git was not asked: %s", dir, r)
		}
		w.Run("doctor")
		w.Run("review")
		w.Run("shell", "--package", "nixpkgs#hello", "--", "true")
		w.Run("shell", "--nix", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--", "true")
		if text, err := os.ReadFile(mark); err == nil {
			t.Errorf("%s: executed: %s", dir, text)
			_ = os.Remove(mark)
		}
	}
}
