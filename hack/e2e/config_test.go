package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPrivateConfigurationIsJailedClaudesOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(w.home+"/.claude/settings.json", planted)
	w.write(w.home+"/.claude.json", planted)
	if out := w.must(`ls -A ~/.claude; ls ~/.claude.json 2>/dev/null; [ "$CLAUDE_CONFIG_DIR" = ~/.claude ]; echo kept >~/.claude/x`); out != "" {
		t.Errorf("the configuration inside holds %q", out)
	}
	if out := w.must("cat ~/.claude/x"); out != "kept\n" {
		t.Errorf("the next jail sees %q", out)
	}
	state := filepath.Join(w.home, ".local/state/jailed-claude/claude")
	if got := w.read(state + "/x"); got != "kept\n" {
		t.Errorf("the state on the host is %q", got)
	}
	if fi, err := os.Stat(state); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("the state folder: %v, %v; want mode 0700", fi.Mode(), err)
	}
	if w.read(w.home+"/.claude/settings.json") != planted {
		t.Error("the host's configuration was changed")
	}
}

func TestSharedConfigurationHoldsWhatTheHostTrusts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	trusted := []string{"settings.json", "CLAUDE.md", "hooks/h.sh", "plugins/p", "skills/s", "commands/c.md", "agents/a.md", "mine/hook.sh", "keybindings.json"}
	for _, f := range trusted {
		w.write(w.home+"/.claude/"+f, "# mine\n")
	}
	w.write(w.home+"/.claude/settings.json", `{"hooks":{"Stop":[{"hooks":[{"type":"command","command":"~/.claude/mine/hook.sh"}]}]}}`)
	w.write(w.home+"/.claude/projects/p.jsonl", "history\n")
	w.write(w.home+"/.claude/shell-snapshots/s.sh", "# sourced by the host's shells\n")
	w.write(w.home+"/.claude.json", `{"mcpServers":{}}`)
	w.write(w.dir+"/policy.toml", "version = 1\n[agent]\nconfig = \"shared\"\n")
	flags := []string{"--policy", w.dir + "/policy.toml"}
	files := []string{w.home + "/.claude.json"}
	for _, f := range trusted {
		files = append(files, filepath.Join(w.home, ".claude", f))
	}
	w.holds(files, flags...)
	if out := w.must("cd ~/.claude; cat projects/p.jsonl; echo new >projects/new; (echo evil >>shell-snapshots/s.sh; echo evil >shell-snapshots/evil.sh) 2>/dev/null; true", flags...); out != "history\n" {
		t.Errorf("inside: %q", out)
	}
	if got := w.read(w.home + "/.claude/projects/new"); got != "new\n" {
		t.Errorf("what is shared was not written: %q", got)
	}
	if got := w.read(w.home + "/.claude/shell-snapshots/s.sh"); strings.Contains(got, "evil") {
		t.Error("shell-snapshots: the host's shells would source what the agent wrote")
	}
	if _, err := os.Lstat(w.home + "/.claude/shell-snapshots/evil.sh"); err == nil {
		t.Error("shell-snapshots: the agent made a file that the host's shells may source")
	}
}
