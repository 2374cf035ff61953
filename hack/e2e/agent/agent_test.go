package agent

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

func TestAgentVersion(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	for _, flags := range [][]string{
		{"--closure", world.RequireVariable(t, "CLAUDE_CLOSURE"), "--package", world.RequireVariable(t, "CLAUDE")},
		{"--closure", world.RequireVariable(t, "CLAUDE_CLOSURE")},
		{"--closure", strings.TrimSuffix(world.RequireVariable(t, "CLAUDE_CLOSURE"), ".closure") + ".registration"},
	} {
		r := w.Run(append(append([]string{"run", "--net", "none"}, flags...), "--", "--version")...)
		if r.Status != 0 || !strings.Contains(r.Out, "(Claude Code)") {
			t.Errorf("%v: %s", flags, r)
		}
	}
}

// TestAgentTurn is a whole turn of the real agent. Its Bash tool looks for the
// key, makes a commit and looks around.
func TestAgentTurn(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	type tool struct {
		Name  string         `json:"name"`
		Input map[string]any `json:"input"`
	}
	type turn struct {
		Text  string `json:"text"`
		Tools []tool `json:"tools"`
	}
	url, log := w.FakeAPI([]turn{
		{"Let me look.", []tool{{"Bash", map[string]any{"description": "Look", "command": `cat ~/.ssh/id_rsa; echo "key-status=$?"; echo "uid=$(id -u) gid=$(id -g)"; ls /nix/store | sed 's/^/store:/'`}}}},
		{"Now the commit.", []tool{{"Bash", map[string]any{"description": "Commit", "command": `echo made >made && git add made && git commit -qm 'by the agent' && git log -1 --format='author=%an <%ae>'; rg -l made .; grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\t'`}}}},
		{"SECOND <<{{tool_result}}>>", nil},
	})
	args := append(append([]string{"run"}, w.AgentFlags("DEVENV", url)...), "--", "-p", "look around", "--output-format", "json", "--dangerously-skip-permissions")
	r := world.Finish(t, w.Command(args...))
	var answer struct {
		Result  string `json:"result"`
		IsError bool   `json:"is_error"`
	}
	world.Decode(t, r, &answer)
	requests := w.Read(log)
	if r.Status != 0 || answer.IsError {
		t.Fatalf("%s\nrequests:\n%.2000s", r, requests)
	}
	for _, want := range []string{"author=Ada Caller <ada@example.org>", "made", "CapEff:0000000000000000", "NoNewPrivs:1", "Seccomp:2"} {
		if !strings.Contains(answer.Result, want) {
			t.Errorf("the second tool call did not say %q: %s", want, answer.Result)
		}
	}
	// What the first tool call said is in the request that followed it.
	for _, want := range []string{"key-status=1", "uid=" + world.Itoa(os.Getuid()) + " gid=" + world.Itoa(os.Getgid())} {
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
	want := world.Closure(t, "DEVENV")
	slices.Sort(store)
	slices.Sort(want)
	if !slices.Equal(store, want) {
		t.Errorf("the agent saw %d store paths, want the %d of the closure:\n%s", len(store), len(want), strings.Join(store, "\n"))
	}
	if strings.Contains(requests+r.Out+r.Err, world.Planted) {
		t.Error("the planted key left the jail")
	}
	if got := w.Git(w.Project, "log", "-1", "--format=%an %s"); got != "Ada Caller by the agent\n" {
		t.Errorf("on the host the commit is %q", got)
	}
	if s := w.Git(w.Project, "status", "--porcelain", "--ignored"); s != "" {
		t.Errorf("left in the project: %s", s)
	}
	if _, err := os.Stat(w.Home + "/.claude.json"); err == nil {
		t.Error("the host's ~/.claude.json was made")
	}
}

func TestAgentScreen(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Seed()
	url, _ := w.FakeAPI([]map[string]any{{"text": "hello from the script"}})
	s := w.Screen()
	before := s.Settings()
	s.Line("clear; echo before-the-agent")
	jail := append([]string{world.RequireVariable(t, "BIN"), "run"}, w.AgentFlags("DEVENV", url)...)
	s.Line(world.CommandLine(jail))
	s.Wait("Claude Code")
	// width is how far the widest line of the input box reaches.
	width := func() (n int) {
		for _, l := range world.Lines(s.Shown()) {
			if strings.Contains(l, "──────") {
				n = max(n, len([]rune(l)))
			}
		}
		return n
	}
	s.Until("the screen to be 100 wide", func() bool { return width() > 90 && width() <= 100 })
	s.Resize("70", "30")
	s.Until("the screen to follow to 70", func() bool { return width() > 60 && width() <= 70 })
	s.Resize("120", "35")
	s.Until("the screen to follow to 120", func() bool { return width() > 110 && width() <= 120 })

	s.Line("say hello")
	s.Wait("hello from the script")

	s.Keys("C-z")
	s.Wait("Stopped")
	if got := s.Settings(); got != before {
		t.Errorf("while stopped the terminal is\n%s\nwas\n%s", got, before)
	}
	s.Line("clear; fg")
	s.Until("the screen to come back", func() bool { return width() > 110 })

	s.Line("/exit")
	s.Prompt("host>")
	if on := strings.TrimSpace(s.Tmux("display-message", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}")); on != "0 1 0" {
		t.Errorf("alternate screen, cursor and mouse after the end: %q, want 0 1 0", on)
	}
	s.Line("echo status-$?")
	s.Wait("status-0")
	if got := s.Settings(); got != before {
		t.Errorf("after the end the terminal is\n%s\nwas\n%s", got, before)
	}
	if s := w.Git(w.Project, "status", "--porcelain", "--ignored"); s != "" {
		t.Errorf("left in the project: %s", s)
	}
}
