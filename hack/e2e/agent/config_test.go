package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

func TestPrivateConfigurationIsJailedClaudesOwn(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Write(w.Home+"/.claude/settings.json", world.Planted)
	w.Write(w.Home+"/.claude.json", world.Planted)
	if out := w.Must(`ls -A ~/.claude; ls ~/.claude.json 2>/dev/null; [ "$CLAUDE_CONFIG_DIR" = ~/.claude ]; echo kept >~/.claude/x`); out != "" {
		t.Errorf("the configuration inside holds %q", out)
	}
	if out := w.Must("cat ~/.claude/x"); out != "kept\n" {
		t.Errorf("the next jail sees %q", out)
	}
	state := w.Private("")
	if got := w.Read(state + "/x"); got != "kept\n" {
		t.Errorf("the state on the host is %q", got)
	}
	if fi, err := os.Stat(state); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("the state folder: %v, %v; want mode 0700", fi.Mode(), err)
	}
	if w.Read(w.Home+"/.claude/settings.json") != world.Planted {
		t.Error("the host's configuration was changed")
	}
}

func TestSharedConfigurationHoldsWhatTheHostTrusts(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	trusted := []string{"settings.json", "CLAUDE.md", "hooks/h.sh", "plugins/p", "skills/s", "commands/c.md", "agents/a.md", "mine/hook.sh", "keybindings.json"}
	for _, f := range trusted {
		w.Write(w.Home+"/.claude/"+f, "# mine\n")
	}
	w.Write(w.Home+"/.claude/settings.json", `{"hooks":{"Stop":[{"hooks":[{"type":"command","command":"~/.claude/mine/hook.sh"}]}]}}`)
	w.Write(w.Home+"/.claude/projects/p.jsonl", "history\n")
	w.Write(w.Home+"/.claude/shell-snapshots/s.sh", "# sourced by the host's shells\n")
	w.Write(w.Home+"/.claude.json", `{"mcpServers":{}}`)
	w.Write(w.Dir+"/policy.toml", "version = 1\n[agent]\nconfig = \"shared\"\n")
	flags := []string{"--policy", w.Dir + "/policy.toml"}
	files := []string{w.Home + "/.claude.json"}
	for _, f := range trusted {
		files = append(files, filepath.Join(w.Home, ".claude", f))
	}
	w.Holds(files, flags...)
	if out := w.Must("cd ~/.claude; cat projects/p.jsonl; echo new >projects/new; (echo evil >>shell-snapshots/s.sh; echo evil >shell-snapshots/evil.sh) 2>/dev/null; true", flags...); out != "history\n" {
		t.Errorf("inside: %q", out)
	}
	if got := w.Read(w.Home + "/.claude/projects/new"); got != "new\n" {
		t.Errorf("what is shared was not written: %q", got)
	}
	if got := w.Read(w.Home + "/.claude/shell-snapshots/s.sh"); strings.Contains(got, "evil") {
		t.Error("shell-snapshots: the host's shells would source what the agent wrote")
	}
	if _, err := os.Lstat(w.Home + "/.claude/shell-snapshots/evil.sh"); err == nil {
		t.Error("shell-snapshots: the agent made a file that the host's shells may source")
	}
}
