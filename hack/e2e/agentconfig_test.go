package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// hostClaude is a host configuration that has answered all questions, with
// secrets and programs in it that are not for a jail.
func (w *world) hostClaude(theme string) {
	w.t.Helper()
	text, err := json.Marshal(map[string]any{
		"hasCompletedOnboarding": true, "lastOnboardingVersion": "2.1.330", "theme": theme,
		"primaryApiKey": planted, "oauthAccount": map[string]any{"emailAddress": "ada@example.org"},
		"customApiKeyResponses": map[string]any{"approved": []string{placeholder[len(placeholder)-20:], planted}, "rejected": []string{}},
		"mcpServers":            map[string]any{"m": map[string]any{"command": planted}},
		"projects":              map[string]any{w.project: map[string]any{"hasTrustDialogAccepted": true, "history": []string{planted}}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(w.home+"/.claude.json", string(text))
	w.write(w.home+"/.claude/settings.json", `{"theme":"`+theme+`","env":{"X":"`+planted+`"},"hooks":{"SessionStart":[{"hooks":[{"type":"command","command":"touch `+w.project+`/hooked"}]}]}}`)
	w.write(w.home+"/.claude/CLAUDE.md", "seeded memory\n")
	w.write(w.home+"/.claude/.credentials.json", `{"x":"`+planted+`"}`)
}

func (w *world) private(name string) string {
	return filepath.Join(w.home, ".local/state/jailed-claude/claude", name)
}

func TestFirstRunIsSeededWithoutSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hostClaude("light")
	out := w.must(`cat ~/.claude/CLAUDE.md; find ~/.claude -type f | sort | xargs grep -l . ; cat ~/.claude/.claude.json ~/.claude/settings.json; grep -rl ` + planted + ` ~ 2>/dev/null; true`)
	if strings.Contains(out, planted) || strings.Contains(out, "hooks") {
		t.Errorf("in the jail: %s", out)
	}
	for _, want := range []string{"seeded memory", `"theme": "light"`, `"hasCompletedOnboarding": true`, `"hasTrustDialogAccepted": true`} {
		if !strings.Contains(out, want) {
			t.Errorf("not seeded: %s in %s", want, out)
		}
	}
	if _, err := os.Stat(w.private(".credentials.json")); err == nil {
		t.Error("the login was copied unasked")
	}
	// The manifest is not in the jail's reach.
	if r := w.bash(`find / -name 'claude-seed*' 2>/dev/null | grep . ; ls ~/.local 2>&1`); strings.Contains(r.out, "claude-seed") {
		t.Errorf("the manifest is in the jail: %s", r)
	}
	r := w.bash(`cat ~/.claude/.credentials.json`, "--login", "copy")
	if r.status != 0 || !strings.Contains(r.out, planted) || !strings.Contains(r.err, "log each other out") {
		t.Errorf("--login copy: %s", r)
	}
	if fi, err := os.Stat(w.private(".credentials.json")); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("the login on disk: %v %v", fi, err)
	}
	// A key is agreed to only if it is the one that the jail gets.
	w = newWorld(t)
	w.hostClaude("light")
	w.must("true", "--env", "ANTHROPIC_API_KEY="+placeholder)
	if got := w.read(w.private(".claude.json")); !strings.Contains(got, placeholder[len(placeholder)-20:]) || strings.Contains(got, planted) {
		t.Errorf("with a key that the host has agreed to: %s", got)
	}
}

func TestReviewTakesOverPieceByPiece(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hostClaude("light")
	w.must(`cd ~/.claude && echo 'evil memory' >CLAUDE.md && mkdir -p commands hooks skills && printf 'run !%sid%s \033[2J\n' '` + "`" + `' '` + "`" + `' >commands/x.md &&
		printf '#!/bin/sh\n' >hooks/h && ln -s ~/.ssh skills/link && ln -s ` + w.home + `/.ssh/id_rsa output-styles.md && ln -s ` + w.home + `/.ssh/id_rsa keybindings.json &&
		printf '{"theme":"light","statusLine":{"type":"command","command":"evil"}}' >settings.json && mkdir -p projects/p && echo x >projects/p/t.jsonl`)
	config := func(args ...string) result { return finish(t, w.command(append([]string{"config"}, args...)...)) }
	r := config("review", "--json")
	var pieces []struct{ Path, Change, Effect, Digest, Diff, Problem string }
	decode(t, r, &pieces)
	var got []string
	for _, p := range pieces {
		got = append(got, p.Path+" "+p.Change+" "+p.Effect)
		if strings.Contains(p.Diff, planted) || strings.Contains(p.Diff, "\x1b") {
			t.Errorf("%s: %s", p.Path, p.Diff)
		}
	}
	want := []string{"CLAUDE.md changed instructs", "commands/x.md added executes", "hooks/h added executes", "keybindings.json added unknown",
		"settings.json:statusLine added executes", "skills/link added unknown"}
	if !slices.Equal(got, want) {
		t.Errorf("pieces\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	before := w.read(w.home + "/.claude/settings.json")
	for _, args := range [][]string{
		{"review", "--take", "CLAUDE.md"}, // nobody can be asked
		{"review", "--take", "keybindings.json", "--yes"},
		{"review", "--take", "skills/link", "--yes"},
		{"review", "--take", "CLAUDE.md@sha256:" + strings.Repeat("0", 64), "--yes"},
		{"review", "--take", "../x", "--yes"},
		{"review", "--take", "projects/p/t.jsonl", "--yes"},
		{"review", "--yes"},
	} {
		if r := config(args...); r.status != 125 {
			t.Errorf("%q: %s", args, r)
		}
	}
	if w.read(w.home+"/.claude/settings.json") != before || w.read(w.home+"/.claude/CLAUDE.md") != "seeded memory\n" {
		t.Fatal("the host's configuration was changed")
	}
	if r := config("review", "--take", "CLAUDE.md", "--drop", "settings.json:statusLine", "--yes"); r.status != 0 {
		t.Fatal(r)
	}
	if w.read(w.home+"/.claude/CLAUDE.md") != "evil memory\n" || w.read(w.home+"/.claude/CLAUDE.md.before-jailed-claude") != "seeded memory\n" {
		t.Error("CLAUDE.md was not taken over, or not kept")
	}
	if strings.Contains(w.read(w.private("settings.json")), "statusLine") || w.read(w.home+"/.claude/settings.json") != before {
		t.Error("the status line was not dropped")
	}
	if r := config("review"); !strings.Contains(r.out, "EXECUTES") || strings.Contains(r.out, "\x1b") || strings.Contains(r.out, "CLAUDE.md") {
		t.Errorf("what is left: %s", r)
	}
	if r := config("reset", "--yes"); r.status != 0 {
		t.Error(r)
	}
	if out := w.must("cat ~/.claude/CLAUDE.md; ls ~/.claude/hooks 2>/dev/null; true"); out != "evil memory\n" {
		t.Errorf("after a reset: %s", out)
	}
}

// TestSharedConfigurationThatIsNotThereYet: only what exists can be held, so
// what has an empty form is made, and the rest is reported.
func TestSharedConfigurationThatIsNotThereYet(t *testing.T) {
	t.Parallel()
	for _, own := range []bool{false, true} {
		w := newWorld(t)
		dir := w.home + "/.claude"
		w.write(w.dir+"/policy.toml", "version = 1\n[agent]\nconfig = \"shared\"\n")
		names := []string{"settings.json", "settings.local.json", "CLAUDE.md", "loop.md", "keybindings.json", ".config.json", "hooks", "plugins", "skills", "commands",
			"agents", "rules", "output-styles", "themes", "workflows", "routines", "shell-snapshots/s.sh"}
		if own {
			dir = w.home + "/conf"
			w.env["CLAUDE_CONFIG_DIR"] = dir
			names = append(names, ".claude.json")
		}
		w.mkdir(dir, 0o700)
		script := "cd " + dir + "\n"
		for _, n := range names {
			script += `( rm -rf "` + n + `"; mv "` + n + `" moved; echo evil >"` + n + `"; mkdir -p "` + n + `"; echo evil >"` + n + `/evil"; ln -sf /tmp "` + n + `"; echo evil >new && mv -f new "` + n + `" ) 2>/dev/null` + "\n"
		}
		r := w.bash(script+"rm -f new moved\necho evil >scheduled_tasks.json\ntrue", "--policy", w.dir+"/policy.toml")
		if r.status != 0 {
			t.Fatalf("%s", r)
		}
		err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(p)
			if d.Type() != 0 || strings.Contains(string(text), "evil") && filepath.Base(p) != "scheduled_tasks.json" {
				t.Errorf("own=%t: the agent made or changed %s (%v): %q", own, p, d.Type(), text)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		if !strings.Contains(r.err, "scheduled_tasks.json") {
			t.Errorf("own=%t: what appeared is not reported: %s", own, r)
		}
	}
}

// TestSharedSymlinks: nothing can be mounted on a symlink, so one that was
// replaced is reported.
func TestSharedSymlinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(w.home+"/dotfiles/settings.json", "{}\n")
	w.mkdir(w.home+"/.claude", 0o700)
	if err := os.Symlink("../dotfiles/settings.json", w.home+"/.claude/settings.json"); err != nil {
		t.Fatal(err)
	}
	w.write(w.dir+"/policy.toml", "version = 1\n[agent]\nconfig = \"shared\"\n")
	r := w.bash(`cd ~/.claude; rm settings.json; echo '{}' >settings.json`, "--policy", w.dir+"/policy.toml")
	if r.status != 0 || strings.Count(r.err, ".claude/settings.json") < 2 {
		t.Errorf("want a warning before and a report after: %s", r)
	}
}

// TestSeededAgentScreen is the real agent at its first run in a jail: it asks
// nothing, and has the host's theme.
func TestSeededAgentScreen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hostClaude("light-daltonized")
	url, _ := w.fakeAPI([]map[string]any{{"text": "hello from the script"}})
	s := w.screen()
	s.line("clear")
	s.line(commandLine(append([]string{requireVariable(t, "BIN"), "run"}, w.agentFlags("DEVENV", url)...)))
	asked := func() string {
		shown := s.shown()
		for _, question := range []string{"Choose the text style", "Let's get started", "Select login method", "trust this folder", "Do you trust", "custom API key", "Press Enter to continue"} {
			if strings.Contains(shown, question) {
				return question
			}
		}
		return ""
	}
	s.until("the input box, or a question", func() bool { return strings.Contains(s.shown(), "──────") || asked() != "" })
	if q := asked(); q != "" {
		t.Fatalf("it asks %q:\n%s", q, s.shown())
	}
	s.line("say hello")
	s.wait("hello from the script")
	s.line("/theme")
	s.wait("colorblind")
	for _, l := range lines(s.shown()) {
		if strings.Contains(l, "✔") && !strings.Contains(l, "Light mode (colorblind") {
			t.Errorf("the theme is %q:\n%s", l, s.shown())
		}
	}
	if !strings.Contains(s.shown(), "✔") {
		t.Errorf("no theme is chosen:\n%s", s.shown())
	}
	s.keys("Escape")
	s.until("the menu to go", func() bool { return !strings.Contains(s.shown(), "colorblind") })
	s.line("/exit")
	s.prompt("host>")
	if _, err := os.Stat(w.project + "/hooked"); err == nil {
		t.Error("the host's hook ran in the jail")
	}
}

// TestSharedAgentTurn: the real agent works with a shared configuration that
// is held, and the host's files stay as they are.
func TestSharedAgentTurn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(w.home+"/.claude.json", `{"hasCompletedOnboarding":true}`)
	w.mkdir(w.home+"/.claude", 0o700)
	w.write(w.dir+"/policy.toml", "version = 1\n[agent]\nconfig = \"shared\"\n")
	url, _ := w.fakeAPI([]map[string]any{
		{"text": "Let me look.", "tools": []map[string]any{{"name": "Bash", "input": map[string]any{"command": "echo said-$((40+2))", "description": "Say"}}}},
		{"text": "It said {{tool_result}}"},
	})
	args := append(append([]string{"run", "--policy", w.dir + "/policy.toml"}, w.agentFlags("DEVENV", url)...), "--", "-p", "look", "--dangerously-skip-permissions")
	r := finish(t, w.command(args...))
	if r.status != 0 || !strings.Contains(r.out, "said-42") {
		t.Errorf("%s", r)
	}
	if got := w.read(w.home + "/.claude.json"); got != `{"hasCompletedOnboarding":true}` {
		t.Errorf(".claude.json is %s", got)
	}
	if got := w.read(w.home + "/.claude/settings.json"); got != "{}\n" {
		t.Errorf("settings.json is %s", got)
	}
	if entries, _ := os.ReadDir(w.home + "/.claude/projects"); len(entries) != 1 {
		t.Errorf("the transcript is not the host's: %v", entries)
	}
	if strings.Contains(r.err, "appeared") {
		t.Errorf("the agent's own state is reported: %s", r.err)
	}
}

func TestReviewAsksOnATerminal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hostClaude("light")
	w.must("cd ~/.claude && echo 'taken' >CLAUDE.md && mkdir -p commands && echo 'left' >commands/a.md && echo 'dropped' >commands/b.md")
	s := w.screen()
	s.line("clear; " + commandLine([]string{requireVariable(t, "BIN"), "config", "review"}) + "; echo ended-$?")
	for _, step := range []struct{ path, answer string }{{"CLAUDE.md: changed", "y"}, {"commands/a.md: added", ""}, {"commands/b.md: added", "d"}} {
		s.until(step.path, func() bool {
			shown := s.shown()
			return strings.Contains(shown, step.path) && strings.HasSuffix(strings.TrimSpace(shown), "q ends]")
		})
		s.line(step.answer)
	}
	s.wait("ended-0")
	if got := w.read(w.home + "/.claude/CLAUDE.md"); got != "taken\n" {
		t.Errorf("CLAUDE.md is %q", got)
	}
	if _, err := os.Stat(w.home + "/.claude/commands"); err == nil {
		t.Error("what was not agreed to was taken over")
	}
	if _, err := os.Stat(w.private("commands/b.md")); err == nil || w.read(w.private("commands/a.md")) != "left\n" {
		t.Error("the wrong one was dropped")
	}
}
