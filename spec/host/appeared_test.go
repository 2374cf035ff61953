package host

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

func TestAppeared(t *testing.T) {
	f := newFake(t)
	write(t, f.project, map[string]string{".git/HEAD": "", "old/.git/HEAD": "", "conf/x": "", ".vscode": "->conf", ".idea": "->conf"})
	facts := f.mustRead(Options{})
	ctx := context.Background()
	equal(t, "nothing", facts.Appeared(ctx), nil)

	os.Remove(filepath.Join(f.project, ".vscode"))
	write(t, f.project, map[string]string{
		".envrc": "x", ".git/hooks/post-checkout": "x", ".mcp.json": "->/none", "new/inner/.git/config": "x", ".vscode/tasks.json": "x",
		"old/.git/commondir": "x", "README": "",
	})
	equal(t, "appeared", rels(facts.Appeared(ctx), f.project), []string{
		".envrc", ".git/hooks", ".mcp.json", ".vscode", "new/inner", "old/.git/commondir",
	})
}
