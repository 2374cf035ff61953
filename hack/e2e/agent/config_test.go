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
	trusted := []string{"settings.json", "CLAUDE.md", "hooks/h.sh", "plugins/p", "skills/s", "commands/c.md", "agents/a.md", "mine/hook.sh", "keybindings.json", "dev-mods/m/mod.js", "state/unattended-serving-consent.json", "state/hybrid-settings.json", "remote-settings-consent.json", "remote-settings-helper-consent"}
	for _, f := range trusted {
		w.Write(w.Home+"/.claude/"+f, "# mine\n")
	}
	w.Write(w.Home+"/.claude/settings.json", `{"hooks":{"Stop":[{"hooks":[{"type":"command","command":"~/.claude/mine/hook.sh"}]}]}}`)
	w.Write(w.Home+"/.claude/projects/p.jsonl", "history\n")
	scratch := []string{"shell-snapshots", "mcp-skill-archives", "mcp-discovery-cache", "shares"}
	for _, s := range scratch {
		w.Write(w.Home+"/.claude/"+s+"/s.sh", "# read by the host's\n")
	}
	w.Write(w.Home+"/.claude.json", `{"mcpServers":{}}`)
	w.Write(w.Dir+"/policy.toml", "version = 1\n[agent]\nconfig = \"shared\"\n")
	flags := []string{"--policy", w.Dir + "/policy.toml"}
	files := []string{w.Home + "/.claude.json"}
	for _, f := range trusted {
		files = append(files, filepath.Join(w.Home, ".claude", f))
	}
	w.Holds(files, flags...)
	script := "cd ~/.claude; cat projects/p.jsonl; echo new >projects/new; echo new >state/new 2>/dev/null"
	for _, s := range scratch {
		script += "; (echo evil >>" + s + "/s.sh; echo evil >" + s + "/evil.sh) 2>/dev/null"
	}
	if out := w.Must(script+"; true", flags...); out != "history\n" {
		t.Errorf("inside: %q", out)
	}
	if _, err := os.Lstat(w.Home + "/.claude/state/new"); err == nil {
		t.Error("state: the agent made a file among the host's consents")
	}
	if got := w.Read(w.Home + "/.claude/projects/new"); got != "new\n" {
		t.Errorf("what is shared was not written: %q", got)
	}
	for _, name := range scratch {
		if got := w.Read(w.Home + "/.claude/" + name + "/s.sh"); strings.Contains(got, "evil") {
			t.Errorf("%s: the host's programs would read what the agent wrote", name)
		}
		if _, err := os.Lstat(w.Home + "/.claude/" + name + "/evil.sh"); err == nil {
			t.Errorf("%s: the agent made a file that the host's programs may read", name)
		}
	}
}
