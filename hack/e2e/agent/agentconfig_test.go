package agent

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// hostClaude is a host configuration that has answered all questions, with
// secrets and programs in it that are not for a jail.
func hostClaude(w *world.World, theme string) {
	w.T.Helper()
	text, err := json.Marshal(map[string]any{
		"hasCompletedOnboarding": true, "lastOnboardingVersion": "2.1.330", "theme": theme,
		"primaryApiKey": world.Planted, "oauthAccount": map[string]any{"emailAddress": "ada@example.org"},
		"customApiKeyResponses": map[string]any{"approved": []string{world.Placeholder[len(world.Placeholder)-20:], world.Planted}, "rejected": []string{}},
		"mcpServers":            map[string]any{"m": map[string]any{"command": world.Planted}},
		"projects":              map[string]any{w.Project: map[string]any{"hasTrustDialogAccepted": true, "history": []string{world.Planted}}},
	})
	if err != nil {
		w.T.Fatal(err)
	}
	w.Write(w.Home+"/.claude.json", string(text))
	w.Write(w.Home+"/.claude/settings.json", `{"theme":"`+theme+`","env":{"X":"`+world.Planted+`"},"hooks":{"SessionStart":[{"hooks":[{"type":"command","command":"touch `+w.Project+`/hooked"}]}]}}`)
	w.Write(w.Home+"/.claude/CLAUDE.md", "seeded memory\n")
	w.Write(w.Home+"/.claude/.credentials.json", `{"x":"`+world.Planted+`"}`)
}

func private(w *world.World, name string) string {
	return w.Private(name)
}

func TestFirstRunIsSeededWithoutSecrets(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	hostClaude(w, "light")
	out := w.Must(`cat ~/.claude/CLAUDE.md; find ~/.claude -type f | sort | xargs grep -l . ; cat ~/.claude/.claude.json ~/.claude/settings.json; grep -rl ` + world.Planted + ` ~ 2>/dev/null; true`)
	if strings.Contains(out, world.Planted) || strings.Contains(out, "hooks") {
		t.Errorf("in the jail: %s", out)
	}
	for _, want := range []string{"seeded memory", `"theme": "light"`, `"hasCompletedOnboarding": true`, `"hasTrustDialogAccepted": true`} {
		if !strings.Contains(out, want) {
			t.Errorf("not seeded: %s in %s", want, out)
		}
	}
	if _, err := os.Stat(private(w, ".credentials.json")); err == nil {
		t.Error("the login was copied unasked")
	}
	// The manifest is not in the jail's reach.
	if r := w.Bash(`find / -name 'claude-seed*' 2>/dev/null | grep . ; ls ~/.local 2>&1`); strings.Contains(r.Out, "claude-seed") {
		t.Errorf("the manifest is in the jail: %s", r)
	}
	r := w.Bash(`cat ~/.claude/.credentials.json`, "--login", "copy")
	if r.Status != 0 || !strings.Contains(r.Out, world.Planted) || !strings.Contains(r.Err, "log each other out") {
		t.Errorf("--login copy: %s", r)
	}
	if fi, err := os.Stat(private(w, ".credentials.json")); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("the login on disk: %v %v", fi, err)
	}
	// A key is agreed to only if it is the one that the jail gets.
	w = world.New(t)
	hostClaude(w, "light")
	w.Must("true", "--env", "ANTHROPIC_API_KEY="+world.Placeholder)
	if got := w.Read(private(w, ".claude.json")); !strings.Contains(got, world.Placeholder[len(world.Placeholder)-20:]) || strings.Contains(got, world.Planted) {
		t.Errorf("with a key that the host has agreed to: %s", got)
	}
}

func TestReviewTakesOverPieceByPiece(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	hostClaude(w, "light")
	w.Must(`cd ~/.claude && echo 'evil memory' >CLAUDE.md && mkdir -p commands hooks skills && printf 'run !%sid%s \033[2J\n' '` + "`" + `' '` + "`" + `' >commands/x.md &&
		printf '#!/bin/sh\n' >hooks/h && ln -s ~/.ssh skills/link && ln -s ` + w.Home + `/.ssh/id_rsa output-styles.md && ln -s ` + w.Home + `/.ssh/id_rsa keybindings.json &&
		printf '{"theme":"light","statusLine":{"type":"command","command":"evil"}}' >settings.json && mkdir -p projects/p && echo x >projects/p/t.jsonl`)
	config := func(args ...string) world.Result {
		return world.Finish(t, w.Command(append([]string{"config"}, args...)...))
	}
	r := config("review", "--json")
	var pieces []struct{ Path, Change, Effect, Digest, Diff, Problem string }
	world.Decode(t, r, &pieces)
	var got []string
	for _, p := range pieces {
		got = append(got, p.Path+" "+p.Change+" "+p.Effect)
		if strings.Contains(p.Diff, world.Planted) || strings.Contains(p.Diff, "\x1b") {
			t.Errorf("%s: %s", p.Path, p.Diff)
		}
	}
	want := []string{
		"CLAUDE.md changed instructs", "commands/x.md added executes", "hooks/h added executes", "keybindings.json added unknown",
		"settings.json:statusLine added executes", "skills/link added unknown",
	}
	if !slices.Equal(got, want) {
		t.Errorf("pieces\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	before := w.Read(w.Home + "/.claude/settings.json")
	for _, args := range [][]string{
		{"review", "--take", "CLAUDE.md"}, // nobody can be asked
		{"review", "--take", "keybindings.json", "--yes"},
		{"review", "--take", "skills/link", "--yes"},
		{"review", "--take", "CLAUDE.md@sha256:" + strings.Repeat("0", 64), "--yes"},
		{"review", "--take", "../x", "--yes"},
		{"review", "--take", "projects/p/t.jsonl", "--yes"},
		{"review", "--yes"},
	} {
		if r := config(args...); r.Status != 125 {
			t.Errorf("%q: %s", args, r)
		}
	}
	if w.Read(w.Home+"/.claude/settings.json") != before || w.Read(w.Home+"/.claude/CLAUDE.md") != "seeded memory\n" {
		t.Fatal("the host's configuration was changed")
	}
	if r := config("review", "--take", "CLAUDE.md", "--drop", "settings.json:statusLine", "--yes"); r.Status != 0 {
		t.Fatal(r)
	}
	if w.Read(w.Home+"/.claude/CLAUDE.md") != "evil memory\n" || w.Read(w.Home+"/.claude/CLAUDE.md.before-jailed-claude") != "seeded memory\n" {
		t.Error("CLAUDE.md was not taken over, or not kept")
	}
	if strings.Contains(w.Read(private(w, "settings.json")), "statusLine") || w.Read(w.Home+"/.claude/settings.json") != before {
		t.Error("the status line was not dropped")
	}
	if r := config("review"); !strings.Contains(r.Out, "EXECUTES") || strings.Contains(r.Out, "\x1b") || strings.Contains(r.Out, "CLAUDE.md") {
		t.Errorf("what is left: %s", r)
	}
	if r := config("reset", "--yes"); r.Status != 0 {
		t.Error(r)
	}
	if out := w.Must("cat ~/.claude/CLAUDE.md; ls ~/.claude/hooks 2>/dev/null; true"); out != "evil memory\n" {
		t.Errorf("after a reset: %s", out)
	}
}

// TestSharedConfigurationThatIsNotThereYet: only what exists can be held, so
// what has an empty form is made, and the rest is reported.
func TestSharedConfigurationThatIsNotThereYet(t *testing.T) {
	t.Parallel()
	for _, own := range []bool{false, true} {
		w := world.New(t)
		dir := w.Home + "/.claude"
		w.Write(w.Dir+"/policy.toml", "version = 1\n[agent]\nconfig = \"shared\"\n")
		names := []string{
			"settings.json", "settings.local.json", "CLAUDE.md", "loop.md", "keybindings.json", ".config.json", "hooks", "plugins", "skills", "commands",
			"agents", "rules", "output-styles", "themes", "workflows", "routines", "shell-snapshots/s.sh",
			"dev-mods", "state", "state/unattended-serving-consent.json", "mcp-skill-archives/s", "mcp-discovery-cache/s", "shares/s",
		}
		if own {
			dir = w.Home + "/conf"
			w.Env["CLAUDE_CONFIG_DIR"] = dir
			names = append(names, ".claude.json")
		}
		w.Mkdir(dir, 0o700)
		script := "cd " + dir + "\n"
		for _, n := range names {
			script += `( rm -rf "` + n + `"; mv "` + n + `" moved; echo evil >"` + n + `"; mkdir -p "` + n + `"; echo evil >"` + n + `/evil"; ln -sf /tmp "` + n + `"; echo evil >new && mv -f new "` + n + `" ) 2>/dev/null` + "\n"
		}
		r := w.Bash(script+"rm -f new moved\necho evil >scheduled_tasks.json\necho evil >remote-settings-consent.json\necho evil >remote-settings-helper-consent\ntrue", "--policy", w.Dir+"/policy.toml")
		if r.Status != 0 {
			t.Fatalf("%s", r)
		}
		named := []string{"scheduled_tasks.json", "remote-settings-consent.json", "remote-settings-helper-consent"}
		err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(p)
			if d.Type() != 0 || strings.Contains(string(text), "evil") && !slices.Contains(named, filepath.Base(p)) {
				t.Errorf("own=%t: the agent made or changed %s (%v): %q", own, p, d.Type(), text)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		for _, name := range named {
			if !strings.Contains(r.Err, "/"+name+`"`) {
				t.Errorf("own=%t: what appeared is not reported: %s: %s", own, name, r)
			}
		}
	}
}

// TestSharedSymlinks: nothing can be mounted on a symlink, so one that was
// replaced is reported.
func TestSharedSymlinks(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Write(w.Home+"/dotfiles/settings.json", "{}\n")
	w.Mkdir(w.Home+"/.claude", 0o700)
	if err := os.Symlink("../dotfiles/settings.json", w.Home+"/.claude/settings.json"); err != nil {
		t.Fatal(err)
	}
	w.Write(w.Dir+"/policy.toml", "version = 1\n[agent]\nconfig = \"shared\"\n")
	r := w.Bash(`cd ~/.claude; rm settings.json; echo '{}' >settings.json`, "--policy", w.Dir+"/policy.toml")
	if r.Status != 0 || strings.Count(r.Err, ".claude/settings.json") < 2 {
		t.Errorf("want a warning before and a report after: %s", r)
	}
}

// TestSeededAgentScreen is the real agent at its first run in a jail: it asks
// nothing, and has the host's theme.
func TestSeededAgentScreen(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	hostClaude(w, "light-daltonized")
	url, _ := w.FakeAPI([]map[string]any{{"text": "hello from the script"}})
	s := w.Screen()
	s.Line("clear")
	s.Line(world.CommandLine(append([]string{world.RequireVariable(t, "BIN"), "run"}, w.AgentFlags("DEVENV", url)...)))
	asked := func() string {
		shown := s.Shown()
		for _, question := range []string{"Choose the text style", "Let's get started", "Select login method", "trust this folder", "Do you trust", "custom API key", "Press Enter to continue"} {
			if strings.Contains(shown, question) {
				return question
			}
		}
		return ""
	}
	s.Until("the input box, or a question", func() bool { return strings.Contains(s.Shown(), "──────") || asked() != "" })
	if q := asked(); q != "" {
		t.Fatalf("it asks %q:\n%s", q, s.Shown())
	}
	s.Line("say hello")
	s.Wait("hello from the script")
	s.Line("/theme")
	s.Wait("colorblind")
	for _, l := range world.Lines(s.Shown()) {
		if strings.Contains(l, "✔") && !strings.Contains(l, "Light mode (colorblind") {
			t.Errorf("the theme is %q:\n%s", l, s.Shown())
		}
	}
	if !strings.Contains(s.Shown(), "✔") {
		t.Errorf("no theme is chosen:\n%s", s.Shown())
	}
	s.Keys("Escape")
	s.Until("the menu to go", func() bool { return !strings.Contains(s.Shown(), "colorblind") })
	s.Line("/exit")
	s.Prompt("host>")
	if _, err := os.Stat(w.Project + "/hooked"); err == nil {
		t.Error("the host's hook ran in the jail")
	}
}

// TestSharedAgentTurn: the real agent works with a shared configuration that
// is held, and the host's files stay as they are.
func TestSharedAgentTurn(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Write(w.Home+"/.claude.json", `{"hasCompletedOnboarding":true}`)
	w.Write(w.Home+"/.claude/state/device-mcp-consent.json", "{}")
	w.Write(w.Home+"/.claude/mcp-discovery-cache/x", "x")
	w.Write(w.Dir+"/policy.toml", "version = 1\n[agent]\nconfig = \"shared\"\n")
	url, _ := w.FakeAPI([]map[string]any{
		{"text": "Let me look.", "tools": []map[string]any{{"name": "Bash", "input": map[string]any{"command": "echo said-$((40+2))", "description": "Say"}}}},
		{"text": "It said {{tool_result}}"},
	})
	args := append(append([]string{"run", "--policy", w.Dir + "/policy.toml"}, w.AgentFlags("DEVENV", url)...), "--", "-p", "look", "--dangerously-skip-permissions")
	r := world.Finish(t, w.Command(args...))
	if r.Status != 0 || !strings.Contains(r.Out, "said-42") {
		t.Errorf("%s", r)
	}
	if got := w.Read(w.Home + "/.claude.json"); got != `{"hasCompletedOnboarding":true}` {
		t.Errorf(".claude.json is %s", got)
	}
	if got := w.Read(w.Home + "/.claude/settings.json"); got != "{}\n" {
		t.Errorf("settings.json is %s", got)
	}
	if entries, _ := os.ReadDir(w.Home + "/.claude/projects"); len(entries) != 1 {
		t.Errorf("the transcript is not the host's: %v", entries)
	}
	if strings.Contains(r.Err, "appeared") {
		t.Errorf("the agent's own state is reported: %s", r.Err)
	}
}

func TestReviewAsksOnATerminal(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	hostClaude(w, "light")
	w.Must("cd ~/.claude && echo 'taken' >CLAUDE.md && mkdir -p commands && echo 'left' >commands/a.md && echo 'dropped' >commands/b.md")
	s := w.Screen()
	s.Line("clear; " + world.CommandLine([]string{world.RequireVariable(t, "BIN"), "config", "review"}) + "; echo ended-$?")
	for _, step := range []struct{ path, answer string }{{"CLAUDE.md: changed", "y"}, {"commands/a.md: added", ""}, {"commands/b.md: added", "d"}} {
		s.Until(step.path, func() bool {
			shown := s.Shown()
			return strings.Contains(shown, step.path) && strings.HasSuffix(strings.TrimSpace(shown), "q quits]")
		})
		s.Line(step.answer)
	}
	s.Wait("ended-0")
	if got := w.Read(w.Home + "/.claude/CLAUDE.md"); got != "taken\n" {
		t.Errorf("CLAUDE.md is %q", got)
	}
	if _, err := os.Stat(w.Home + "/.claude/commands"); err == nil {
		t.Error("what was not agreed to was taken over")
	}
	if _, err := os.Stat(private(w, "commands/b.md")); err == nil || w.Read(private(w, "commands/a.md")) != "left\n" {
		t.Error("the wrong one was dropped")
	}
}
