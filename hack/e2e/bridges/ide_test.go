package bridges

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
	"github.com/jailed-claude/jailed-claude/runtime/bridge/ide/idetest"
)

// agentWithEditor is the real Claude Code with a scripted API and an editor that
// has the project open, on a terminal, connected to it.
func agentWithEditor(t *testing.T, mode string, turns any) (w *world.World, e *idetest.Editor, s *world.Screen, log string) {
	t.Helper()
	w = world.New(t)
	api, log := w.FakeAPI(turns)
	w.Seed()
	w.Write(w.Private(".claude.json"), strings.Replace(w.Read(w.Private(".claude.json")), "{", `{"diffTool":"auto",`, 1))
	e = idetest.New(t, filepath.Join(w.Home, ".claude"), w.Project)
	idetest.New(t, filepath.Join(w.Home, ".claude"), w.Dir+"/another")
	u, err := url.Parse(api)
	if err != nil {
		t.Fatal(err)
	}
	s = w.Screen()
	s.Line(world.CommandLine(w.Command("run", "--net", "filtered", "--allow", "host:"+u.Port(), "--closure", world.RequireVariable(t, "DEVENV_CLOSURE"), "--package", world.RequireVariable(t, "CLAUDE"),
		"--env", "ANTHROPIC_BASE_URL=http://host:"+u.Port(), "--env", "ANTHROPIC_API_KEY="+world.Placeholder, "--env", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1", "--bridge", mode,
		"--", "--permission-mode", "default", "--allowedTools", "mcp__ide__getDiagnostics").Args))
	s.Wait("shortcuts")
	world.WaitFor(t, "the editor", func() bool { return e.Connected() > 0 })
	w.Write("main.go", "package main\n")
	selects := func(file, text string) {
		e.Notify("selection_changed", map[string]any{"text": text, "filePath": file, "fileUrl": "file://" + file, "selection": map[string]any{"start": map[string]int{"line": 0, "character": 0}, "end": map[string]int{"line": 0, "character": 9}, "isEmpty": false}})
	}
	// It listens a while after it has connected.
	s.Until("what is selected", func() bool {
		selects(w.Home+"/taxes.md", world.Planted)
		selects(w.Project+"/main.go", "marked-in-the-editor")
		return strings.Contains(s.Shown(), "1 line selected")
	})
	return w, e, s, log
}

// again types something every few seconds, until what it leads to is there.
func again(s *world.Screen, what string, types func(), there func() bool) {
	var last time.Time
	s.Until(what, func() bool {
		if there() {
			return true
		}
		if time.Since(last) > 5*time.Second {
			types()
			last = time.Now()
		}
		return false
	})
}

// TestIDE: the real Claude Code finds the window of the editor that has the project
// open; what is marked there, and what is wrong in files of the jail, gets to the
// model, and of other files nothing.
func TestIDE(t *testing.T) {
	t.Parallel()
	w, e, s, log := agentWithEditor(t, "ide", []map[string]any{{"tools": []map[string]any{{"name": "mcp__ide__getDiagnostics", "input": map[string]any{}}}}, {"text": "the end of it"}})
	e.Answers["getDiagnostics"] = func(map[string]any) []string {
		return []string{fmt.Sprintf(`[{"uri":"file://%s/main.go","diagnostics":[{"message":"NoSuchName is not defined","severity":"Error","range":{"start":{"line":0,"character":0},"end":{"line":0,"character":1}}}]},{"uri":"file://%s/taxes.md","diagnostics":[{"message":%q,"severity":"Error","range":{"start":{"line":0,"character":0},"end":{"line":0,"character":1}}}]}]`, w.Project, w.Home, world.Planted)}
	}
	s.Line("look at it")
	s.Wait("the end of it")
	s.Line("/ide")
	s.Wait("Esc to cancel")
	// A key that comes while the screen changes is lost, and one too many takes away
	// what is typed next.
	again(s, "the prompt", func() { s.Keys("Escape") }, func() bool { return !strings.Contains(s.Shown(), "Esc to cancel") })
	again(s, "the host's prompt", func() { s.Line("/exit") }, func() bool { return strings.Contains(s.Shown(), "host>") })
	s.Prompt("host>")
	sent := ""
	for _, r := range w.APIRequests(log) {
		sent += string(r.Body)
	}
	for _, want := range []string{"marked-in-the-editor", "NoSuchName is not defined"} {
		if !strings.Contains(sent, want) {
			t.Errorf("the model does not get %q", want)
		}
	}
	if strings.Contains(sent, world.Planted) || strings.Contains(sent, idetest.Token) || strings.Contains(sent, "executeCode") {
		t.Error("the model gets what is of another file, or a tool that executes")
	}
	if e.Refused() > 0 {
		t.Errorf("%d connections had not its token", e.Refused())
	}
	text := w.SessionLog()
	for _, want := range []string{`"name":"Stand-in","verdict":"allow","rule":"bridges.ide","method":"ide"`, `"name":"getDiagnostics","verdict":"allow"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the log has no %s:\n%s", want, text)
		}
	}
}

// TestIDEDiff: the real Claude Code shows its change in the editor, and what the
// user makes of it there is what gets written, in the jail.
func TestIDEDiff(t *testing.T) {
	t.Parallel()
	w, e, s, _ := agentWithEditor(t, "ide=diffs", []map[string]any{
		{"tools": []map[string]any{{"name": "Read", "input": map[string]any{"file_path": "main.go"}}}},
		{"tools": []map[string]any{{"name": "Edit", "input": map[string]any{"file_path": "main.go", "old_string": "package main", "new_string": "package other"}}}},
		{"text": "the end of it"},
	})
	e.Answers["openDiff"] = func(args map[string]any) []string {
		if args["new_file_path"] != w.Project+"/main.go" || args["new_file_contents"] != "package other\n" {
			t.Errorf("the diff is %v", args)
		}
		return []string{"FILE_SAVED", "as the user wants it\n"}
	}
	s.Line("write it")
	s.Wait("the end of it")
	if got := w.Read("main.go"); got != "as the user wants it\n" {
		t.Errorf("written: %q", got)
	}
	s.Line("/exit")
	s.Prompt("host>")
}

// TestIDEIsOneWindow: the jail has neither the editor's secret nor its port, and
// finds none without the word.
func TestIDEIsOneWindow(t *testing.T) {
	t.Parallel()
	d := newDesktop(world.New(t))
	config := filepath.Join(d.Home, ".claude")
	e := idetest.New(t, config, d.Project)
	script := `cat ~/.claude/ide/*.lock; echo "$CLAUDE_CODE_SSE_PORT"; (exec 3<>/dev/tcp/127.0.0.1/28911) && echo there; (exec 3<>/dev/tcp/127.0.0.1/` + fmt.Sprint(e.Port) + `) && echo port`
	if r := d.shell(script); r.Out != "\n" {
		t.Errorf("without the word: %s", r)
	}
	if r := d.shell(script, "--bridge", "ide"); !strings.Contains(r.Out, `"authToken":"none"`) || !strings.HasSuffix(r.Out, "28911\nthere\n") || strings.Contains(r.Out+r.Err, idetest.Token) {
		t.Errorf("with it: %s", r)
	}
	const ask = `exec 3<>/dev/tcp/127.0.0.1/28911; printf 'GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n' >&3; read -r line <&3; echo "$line"`
	if r := d.shell(ask, "--bridge", "ide"); !strings.HasPrefix(r.Out, "HTTP/1.1 101") {
		t.Error(r)
	}
	// Files that somebody else could have written, and windows of other projects,
	// say nothing.
	lock := filepath.Join(config, "ide", fmt.Sprint(e.Port)+".lock")
	text := d.Read(lock)
	var of map[string]any
	if err := json.Unmarshal([]byte(text), &of); err != nil {
		t.Fatal(err)
	}
	change := func(key string, value any) func() {
		return func() {
			old := of[key]
			of[key] = value
			changed, _ := json.Marshal(of)
			d.Write(lock, string(changed))
			of[key] = old
		}
	}
	for name, make := range map[string]func(){
		"another project": change("workspaceFolders", []string{d.Project + "2", d.Project + "/sub"}), "no folder": change("workspaceFolders", []string{}), "an editor that has ended": change("pid", 1<<22-1),
		"another transport": change("transport", "sse"), "a token of two lines": change("authToken", "a\r\nX: y"),
		"a link": func() { os.Remove(lock); _ = os.Symlink(d.Write(d.Dir+"/lock", text), lock) }, "written by all": func() { d.Write(lock, text); _ = os.Chmod(lock, 0o666) },
	} {
		os.Remove(lock)
		make()
		if r := d.shell(ask, "--bridge", "ide"); !strings.HasPrefix(r.Out, "HTTP/1.1 502") {
			t.Errorf("%s: %s", name, r)
		}
	}
	if r := world.Finish(t, d.Command("shell", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--net", "none", "--bridge", "ide", "--policy", d.Write(d.Dir+"/p.toml", "version = 1\n[agent]\nconfig = \"shared\"\n"), "--", "true")); r.Status != 125 || !strings.Contains(r.Err, "private configuration") {
		t.Errorf("with a shared configuration: %s", r)
	}
}
