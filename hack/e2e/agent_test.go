package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// placeholder is the key that the agent gets. It is worth nothing.
const placeholder = "sk-ant-api03-placeholder-0123456789abcdefghij"

// fakeAPI starts the scripted API, and returns its address and request log.
func (w *world) fakeAPI(turns any) (url, log string) {
	w.t.Helper()
	script, err := json.Marshal(turns)
	if err != nil {
		w.t.Fatal(err)
	}
	addr := filepath.Join(w.dir, "addr")
	log = filepath.Join(w.dir, "requests.jsonl")
	c := exec.Command(requireVariable(w.t, "FAKEAPI"), "-script", w.write(w.dir+"/turns.json", string(script)), "-addrfile", addr, "-log", log)
	if w.lab != nil {
		w.lab.enter(c)
	}
	if err := c.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	waitFor(w.t, "the API", func() bool { _, err := os.Stat(addr); return err == nil })
	return "http://" + w.read(addr), log
}

// agentFlags make the real agent speak to the scripted API and nothing else.
func (w *world) agentFlags(name, url string) []string {
	w.t.Helper()
	return []string{"--closure", requireVariable(w.t, name+"_CLOSURE"), "--package", requireVariable(w.t, "CLAUDE"), "--net", "host",
		"--env", "ANTHROPIC_BASE_URL=" + url, "--env", "ANTHROPIC_API_KEY=" + placeholder,
		"--env", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1", "--env", "DISABLE_TELEMETRY=1", "--env", "DISABLE_ERROR_REPORTING=1", "--env", "CLAUDE_CODE_MAX_RETRIES=1"}
}

func TestAgentVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, flags := range [][]string{
		{"--closure", requireVariable(t, "CLAUDE_CLOSURE"), "--package", requireVariable(t, "CLAUDE")},
		{"--closure", requireVariable(t, "CLAUDE_CLOSURE")},
		{"--closure", strings.TrimSuffix(requireVariable(t, "CLAUDE_CLOSURE"), ".closure") + ".registration"},
	} {
		r := w.run(append(append([]string{"run", "--net", "none"}, flags...), "--", "--version")...)
		if r.status != 0 || !strings.Contains(r.out, "(Claude Code)") {
			t.Errorf("%v: %s", flags, r)
		}
	}
}

// TestAgentTurn is a whole turn of the real agent. Its Bash tool looks for the
// key, makes a commit and looks around.
func TestAgentTurn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	type tool struct {
		Name  string         `json:"name"`
		Input map[string]any `json:"input"`
	}
	type turn struct {
		Text  string `json:"text"`
		Tools []tool `json:"tools"`
	}
	url, log := w.fakeAPI([]turn{
		{"Let me look.", []tool{{"Bash", map[string]any{"description": "Look", "command": `cat ~/.ssh/id_rsa; echo "key-status=$?"; echo "uid=$(id -u) gid=$(id -g)"; ls /nix/store | sed 's/^/store:/'`}}}},
		{"Now the commit.", []tool{{"Bash", map[string]any{"description": "Commit", "command": `echo made >made && git add made && git commit -qm 'by the agent' && git log -1 --format='author=%an <%ae>'; rg -l made .; grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\t'`}}}},
		{"SECOND <<{{tool_result}}>>", nil},
	})
	args := append(append([]string{"run"}, w.agentFlags("DEVENV", url)...), "--", "-p", "look around", "--output-format", "json", "--dangerously-skip-permissions")
	r := finish(t, w.command(args...))
	var answer struct {
		Result  string `json:"result"`
		IsError bool   `json:"is_error"`
	}
	decode(t, r, &answer)
	requests := w.read(log)
	if r.status != 0 || answer.IsError {
		t.Fatalf("%s\nrequests:\n%.2000s", r, requests)
	}
	for _, want := range []string{"author=Ada Caller <ada@example.org>", "made", "CapEff:0000000000000000", "NoNewPrivs:1", "Seccomp:2"} {
		if !strings.Contains(answer.Result, want) {
			t.Errorf("the second tool call did not say %q: %s", want, answer.Result)
		}
	}
	// What the first tool call said is in the request that followed it.
	for _, want := range []string{"key-status=1", "uid=" + itoa(os.Getuid()) + " gid=" + itoa(os.Getgid())} {
		if !strings.Contains(requests, want) {
			t.Errorf("the first tool call did not say %q", want)
		}
	}
	var store []string
	for part := range strings.SplitSeq(requests, "store:") {
		name := part[:max(0, strings.IndexAny(part, `\"`))]
		if p := "/nix/store/" + name; len(name) > 33 && name[32] == '-' && !slices.Contains(store, p) {
			store = append(store, p)
		}
	}
	want := closure(t, "DEVENV")
	slices.Sort(store)
	slices.Sort(want)
	if !slices.Equal(store, want) {
		t.Errorf("the agent saw %d store paths, want the %d of the closure:\n%s", len(store), len(want), strings.Join(store, "\n"))
	}
	if strings.Contains(requests+r.out+r.err, planted) {
		t.Error("the planted key left the jail")
	}
	if got := w.git(w.project, "log", "-1", "--format=%an %s"); got != "Ada Caller by the agent\n" {
		t.Errorf("on the host the commit is %q", got)
	}
	if s := w.git(w.project, "status", "--porcelain", "--ignored"); s != "" {
		t.Errorf("left in the project: %s", s)
	}
	if _, err := os.Stat(w.home + "/.claude.json"); err == nil {
		t.Error("the host's ~/.claude.json was made")
	}
}

// seed makes the private configuration one that has answered all questions.
func (w *world) seed() {
	w.t.Helper()
	text, err := json.Marshal(map[string]any{
		"hasCompletedOnboarding": true, "theme": "dark", "bypassPermissionsModeAccepted": true,
		"customApiKeyResponses": map[string]any{"approved": []string{placeholder[len(placeholder)-20:]}, "rejected": []string{}},
		"projects":              map[string]any{w.project: map[string]any{"hasTrustDialogAccepted": true}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(w.home+"/.local/state/jailed-claude/claude/.claude.json", string(text))
}

func TestAgentScreen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.seed()
	url, _ := w.fakeAPI([]map[string]any{{"text": "hello from the script"}})
	s := w.screen()
	before := s.settings()
	s.line("clear; echo before-the-agent")
	jail := append([]string{requireVariable(t, "BIN"), "run"}, w.agentFlags("DEVENV", url)...)
	s.line(commandLine(jail))
	s.wait("Claude Code")
	// width is how far the widest line of the input box reaches.
	width := func() (n int) {
		for _, l := range lines(s.shown()) {
			if strings.Contains(l, "──────") {
				n = max(n, len([]rune(l)))
			}
		}
		return n
	}
	s.until("the screen to be 100 wide", func() bool { return width() > 90 && width() <= 100 })
	s.resize("70", "30")
	s.until("the screen to follow to 70", func() bool { return width() > 60 && width() <= 70 })
	s.resize("120", "35")
	s.until("the screen to follow to 120", func() bool { return width() > 110 && width() <= 120 })

	s.line("say hello")
	s.wait("hello from the script")

	s.keys("C-z")
	s.wait("Stopped")
	if got := s.settings(); got != before {
		t.Errorf("while stopped the terminal is\n%s\nwas\n%s", got, before)
	}
	s.line("clear; fg")
	s.until("the screen to come back", func() bool { return width() > 110 })

	s.line("/exit")
	s.prompt("host>")
	if on := strings.TrimSpace(s.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}")); on != "0 1 0" {
		t.Errorf("alternate screen, cursor and mouse after the end: %q, want 0 1 0", on)
	}
	s.line("echo status-$?")
	s.wait("status-0")
	if got := s.settings(); got != before {
		t.Errorf("after the end the terminal is\n%s\nwas\n%s", got, before)
	}
	if s := w.git(w.project, "status", "--porcelain", "--ignored"); s != "" {
		t.Errorf("left in the project: %s", s)
	}
}
