package review

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// live is a project that has what a hook runs, and a jail without a layer that leaves
// something of each kind. It returns what the jail said at its end.
func live(t *testing.T) (w *world.World, said string) {
	t.Helper()
	w = world.New(t)
	w.Write("lint.sh", "echo fine\n")
	w.Write(".husky/pre-commit", "./lint.sh\n")
	w.Git(w.Project, "config", "core.hooksPath", ".husky")
	for _, name := range []string{".husky/pre-commit", "lint.sh"} {
		if err := os.Chmod(filepath.Join(w.Project, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.Write("kept", "x\n")
	w.Git(w.Project, "add", "--force", ".")
	w.Git(w.Project, "commit", "--quiet", "--no-verify", "-m", "more")
	r := world.Finish(t, w.Base("mkdir .vscode .claude; echo '{\"a\": \"\u202e\"}' >.vscode/tasks.json; echo {} >.claude/settings.json; "+
		"echo evil >>lint.sh; mkdir -p deep/sub/.git/hooks; echo evil >deep/sub/.git/hooks/pre-commit; echo 'ref: refs/heads/x' >deep/sub/.git/HEAD; echo ordinary >ordinary"))
	if r.Status != 0 {
		t.Fatalf("%s", r)
	}
	return w, r.Err
}

// TestLive: what a jail without a layer left is shown with its content and reason,
// before all else; by name it goes, or what was there before comes back, and the host
// is as it was.
func TestLive(t *testing.T) {
	t.Parallel()
	w, said := live(t)
	if !strings.Contains(said, "review them before you run anything else in this folder: jailed-claude review") {
		t.Errorf("the jail said %s", said)
	}
	shown := review(w)
	for _, want := range []string{
		"has no layer", "== on the host already", "added    .claude/settings.json: Claude Code's settings", "added    .vscode/: editor tasks", "+tasks.json",
		"added    deep/sub/.git/: a new git repository", "+hooks/pre-commit", "changed  lint.sh: changed: run by", "--discard puts it back", " echo fine", "+evil",
	} {
		if at := strings.Index(shown.Out, want); shown.Status != 0 || at < 0 {
			t.Errorf("%q is missing: %s", want, shown)
		} else if strings.Contains(shown.Out, "ordinary") {
			t.Errorf("what is ordinary is shown: %s", shown)
		}
	}
	var all struct {
		Items []struct {
			Path, What, Why, Diff string
			Left                  *struct{ Session, Was string }
		}
	}
	if r := review(w, "--json"); json.Unmarshal([]byte(r.Out), &all) != nil || len(all.Items) != 4 {
		t.Fatalf("%s", r)
	}
	for _, i := range all.Items {
		if i.Left == nil || i.Left.Session == "" || i.Why == "" || i.Left.Was != map[bool]string{true: "kept", false: "nothing"}[i.Path == "lint.sh"] {
			t.Errorf("%+v", i)
		}
	}
	page := filepath.Join(w.Home, "page.html")
	if r := review(w, "--html", page); r.Status != 0 || !strings.Contains(w.Read(page), "On the host already") {
		t.Errorf("%s", r)
	}
	for _, refused := range [][]string{{"--discard"}, {"--discard", "ordinary"}, {"--undo"}} {
		if r := review(w, refused...); r.Status != 125 {
			t.Errorf("%q: %s", refused, r)
		}
	}
	if r := review(w, "--apply"); r.Status != 0 || !strings.Contains(r.Err, "nothing was applied") {
		t.Errorf("%s", r)
	}
	if r := review(w, "--discard", "deep/sub", "lint.sh", filepath.Join(w.Project, ".claude"), ".vscode"); r.Status != 0 {
		t.Errorf("%s", r)
	}
	if got := w.Git(w.Project, "status", "--porcelain"); got != "?? ordinary\n" {
		t.Errorf("%q", got)
	}
	if r := review(w); r.Status != 0 || r.Out != "" || !strings.Contains(r.Err, "nothing is left to look at") {
		t.Errorf("%s", r)
	}
	dropped, err := filepath.Glob(filepath.Join(w.State(), "left/dropped", w.Project, "deep/sub/.git/hooks/pre-commit"))
	if err != nil || len(dropped) != 1 {
		t.Errorf("what was dropped is lost: %v", err)
	}
}

// TestLiveKept: what got a yes stays and is not shown again; what the user wrote since
// is not dropped unless that is said; what has gone is not shown when it is there again.
func TestLiveKept(t *testing.T) {
	t.Parallel()
	w, _ := live(t)
	if r := review(w, "--apply", "--yes-executes", ".vscode"); r.Status != 0 || w.Read(".vscode/tasks.json") == "" {
		t.Errorf("%s", r)
	}
	w.Write("lint.sh", "mine\n")
	if r := review(w, "--discard", "lint.sh"); r.Status == 0 || !strings.Contains(r.Err, "it was changed since that jail ended") || w.Read("lint.sh") != "mine\n" {
		t.Errorf("%s", r)
	}
	if r := review(w, "--discard", "--over", "lint.sh", "lint.sh"); r.Status != 0 || w.Read("lint.sh") != "echo fine\n" {
		t.Errorf("%s", r)
	}
	if err := os.RemoveAll(filepath.Join(w.Project, ".claude")); err != nil {
		t.Fatal(err)
	}
	if r := review(w); strings.Contains(r.Out, ".claude") || strings.Contains(r.Out, "lint.sh") || strings.Contains(r.Out, ".vscode") || !strings.Contains(r.Out, "deep/sub/.git") {
		t.Errorf("%s", r)
	}
	w.Write(".claude/settings.json", "{\"mine\": 1}\n")
	if r := review(w); strings.Contains(r.Out, ".claude") {
		t.Errorf("what the user made is shown as the jail's: %s", r)
	}
}

// TestLiveTwice: a second jail's change does not make what the first one left the
// state of before.
func TestLiveTwice(t *testing.T) {
	t.Parallel()
	w, _ := live(t)
	if r := world.Finish(t, w.Base("echo more >>lint.sh")); r.Status != 0 {
		t.Fatalf("%s", r)
	}
	if r := review(w, "lint.sh"); strings.Count(r.Out, "changed  lint.sh") != 1 || !strings.Contains(r.Out, "+evil") || !strings.Contains(r.Out, "+more") {
		t.Errorf("%s", r)
	}
	if r := review(w, "--discard", "lint.sh"); r.Status != 0 || w.Read("lint.sh") != "echo fine\n" {
		t.Errorf("%s", r)
	}
	if r := review(w); strings.Contains(r.Out, "lint.sh") {
		t.Errorf("%s", r)
	}
}

// TestLiveBesideLayer: with a layer too, both are shown, and to discard the layer
// touches nothing of the host.
func TestLiveBesideLayer(t *testing.T) {
	t.Parallel()
	w, _ := live(t)
	if r := world.Finish(t, w.Base(changes, "--project-mode", "overlay")); r.Status != 0 {
		t.Skipf("no layer: %s", r)
	}
	r := review(w)
	first, second := strings.Index(r.Out, "== on the host already"), strings.Index(r.Out, "== changes")
	if first < 0 || second < first || !strings.Contains(r.Out, "added    new") {
		t.Errorf("%s", r)
	}
	if r := review(w, "--discard"); r.Status != 0 {
		t.Errorf("%s", r)
	}
	if r := review(w); !strings.Contains(r.Out, "deep/sub/.git") || strings.Contains(r.Out, "added    new") {
		t.Errorf("%s", r)
	}
	if got := w.Read("lint.sh"); got != "echo fine\nevil\n" {
		t.Errorf("%q", got)
	}
}

// TestLiveSymlink: a symlink that the host follows and that leads elsewhere is put back,
// and not taken for new because of what appeared behind it.
func TestLiveSymlink(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Write("real/settings.json", "{}\n")
	if err := os.Symlink("real", filepath.Join(w.Project, ".claude")); err != nil {
		t.Fatal(err)
	}
	w.CommitAll()
	if r := world.Finish(t, w.Base("rm .claude; mkdir evil; echo {} >evil/skills; ln -s evil .claude; mkfifo .envrc")); r.Status != 0 {
		t.Fatalf("%s", r)
	}
	if r := review(w); strings.Count(r.Out, ".claude (symlink)") != 1 || !strings.Contains(r.Out, "-real") || !strings.Contains(r.Out, "+evil") || !strings.Contains(r.Out, ".envrc (fifo)") {
		t.Errorf("%s", r)
	}
	if r := review(w, "--discard", "."); r.Status != 0 {
		t.Errorf("%s", r)
	}
	if to, err := os.Readlink(filepath.Join(w.Project, ".claude")); err != nil || to != "real" || w.Git(w.Project, "status", "--porcelain") != "?? evil/\n" {
		t.Errorf("%q, %v: %q", to, err, w.Git(w.Project, "status", "--porcelain"))
	}
}
