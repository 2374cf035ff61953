package audit

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestAuditReviewed: of what the attacks plant in a layer, review names each file
// that the host would execute or trust, and an apply of the rest brings none of it.
func TestAuditReviewed(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	before := w.Status()
	plant(t, w)
	var r struct {
		Items []struct{ Path, Why, Never string }
		Git   struct {
			Settings []struct{ Key, Held string }
			Refs     []struct{ Name string }
		}
	}
	world.Decode(t, world.Finish(t, w.Command("review", "--json")), &r)
	held := map[string]string{}
	var ordinary []string
	for _, i := range r.Items {
		fi, err := os.Lstat(filepath.Join(upper(t, w), i.Path))
		switch {
		case i.Why != "" || i.Never != "":
			held[i.Path] = i.Why + i.Never
		case err == nil && !fi.IsDir():
			ordinary = append(ordinary, i.Path)
		}
	}
	for _, p := range []string{
		".claude/agents/audit.md", ".claude/commands/audit.md", ".claude/settings.json", ".claude/settings.local.json", ".claude/skills/audit/SKILL.md", ".cursor/mcp.json",
		".devcontainer/devcontainer.json", ".dir-locals.el", ".envrc", ".exrc", ".git/commondir", ".gitmodules", ".idea/workspace.xml", ".jailed-claude.toml", ".jailed-claude.lock",
		".mcp.json", ".nvim.lua", ".vscode/tasks.json", ".zed/tasks.json", "HEAD", "mise.toml",
	} {
		if held[p] == "" {
			t.Errorf("%s is not named", p)
		}
	}
	// Scripts that a hook may run are sources; the others are what attacks work with,
	// of which two change places all the time.
	for _, p := range ordinary {
		if base := filepath.Base(p); base != "lint.sh" && base != "CACHEDIR.TAG" && !strings.HasSuffix(base, "-target") && !strings.HasSuffix(base, "-turn") {
			t.Errorf("%s is taken for an ordinary change", p)
		}
	}
	for _, n := range []string{"/pkg/new/.git/HEAD", "/bare/HEAD", "/r/.git/modules/x/config", "/r/.git/worktrees/x/commondir", "/r/.git/info/attributes", "/pkg/.envrc", "/pkg/.hg/hgrc", "/r/node_modules/m/.git/HEAD"} {
		if !slices.ContainsFunc(r.Items, func(i struct{ Path, Why, Never string }) bool {
			return strings.HasSuffix(i.Path, "/traps"+n) && i.Why != ""
		}) {
			t.Errorf("traps%s is not named", n)
		}
	}
	if a := world.Finish(t, w.Command("review", "--apply")); a.Status != 0 && a.Status != 125 {
		t.Errorf("%s", a)
	}
	for p := range held {
		if _, err := os.Lstat(filepath.Join(w.Project, p)); err == nil && !strings.HasPrefix(p, ".git/") {
			t.Errorf("%s is on the host", p)
		}
	}
	after := slices.DeleteFunc(world.Lines(w.Status()), func(l string) bool { return strings.Contains(l, "jailed-claude-audit-") })
	if got := strings.Join(after, "\n"); got != strings.Join(world.Lines(before), "\n") {
		t.Errorf("git on the host says %q, before %q", got, before)
	}
}

// plant has the attacks run in a layer, and ends the audit before it drops what they
// left: it waits, for nobody reads all of its report.
func plant(t *testing.T, w *world.World) {
	t.Helper()
	r, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := unix.FcntlInt(out.Fd(), unix.F_SETPIPE_SZ, os.Getpagesize()); err != nil {
		t.Fatal(err)
	}
	c := w.Command("audit", "--json", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--net", "none", "--project-mode", "overlay")
	c.Stdout = out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	out.Close()
	if _, err := json.NewDecoder(r).Token(); err != nil {
		t.Errorf("the audit says nothing: %v", err)
	}
	_ = c.Process.Kill()
	_ = c.Wait()
}

// upper is what the layer holds.
func upper(t *testing.T, w *world.World) string {
	t.Helper()
	found, _ := filepath.Glob(filepath.Join(w.Home, ".local/state/jailed-claude/projects/*/layer/upper"))
	if len(found) != 1 {
		t.Fatalf("layers: %q", found)
	}
	return found[0]
}
