package ide

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/internal/websocket"
	"github.com/jailed-claude/jailed-claude/runtime/bridge"
	"github.com/jailed-claude/jailed-claude/runtime/bridge/ide/idetest"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

const project = "/home/ada/app"

// files: the jail has the project, but for .env in it, and writes all but .git.
type files struct{}

func (files) ProjectDir() string { return project }
func (files) Shows(p string) bool {
	return strings.HasPrefix(p, project+"/") && p != project+"/.env"
}

func (f files) Changes(p string) bool { return f.Shows(p) && !strings.HasPrefix(p, project+"/.git") }

// jail is a program of one, connected to an editor.
type jail struct {
	t  *testing.T
	at string // where others connect
	ws *websocket.Socket
	*idetest.Editor
	mu     sync.Mutex
	events []bridge.Event
	next   int
}

func start(t *testing.T, mode string) *jail {
	t.Helper()
	j := &jail{t: t, Editor: idetest.New(t, t.TempDir(), project)}
	e := New(bridge.Options{
		Config: &network.Bridges{IDE: mode},
		Host: func(_ context.Context, r bridge.Request) (bridge.Answer, error) {
			switch {
			case r.Project == project:
				return bridge.Answer{Window: &bridge.Window{Port: uint16(j.Port), Token: idetest.Token, Name: "Stand-in"}}, nil
			case strings.Contains(r.Path, "link"):
				return bridge.Answer{Error: "a symlink"}, nil
			}
			return bridge.Answer{}, nil
		},
		Log: func(e bridge.Event) { j.mu.Lock(); j.events = append(j.events, e); j.mu.Unlock() },
	}, files{}, func(ctx context.Context, port uint16) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(ended)
		var all sync.WaitGroup
		defer all.Wait()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { e.Serve(ctx, c); c.Close() })
		}
	}()
	j.at = l.Addr().String()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if j.ws, err = connect(c, 1, "whatever"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); c.Close(); l.Close(); <-ended })
	return j
}

// ask sends a request, and returns what is answered to it as JSON.
func (j *jail) ask(method string, params any) string {
	j.t.Helper()
	j.next++
	if err := send(j.ws, message{ID: encode(j.next), Method: method, Params: encode(params)}); err != nil {
		j.t.Fatal(err)
	}
	return j.read()
}

func (j *jail) read() string {
	j.t.Helper()
	_ = j.ws.SetReadDeadline(time.Now().Add(10 * time.Second))
	text, err := j.ws.Hear()
	if err != nil {
		j.t.Fatal(err)
	}
	return string(text)
}

func (j *jail) call(tool string, args any) string {
	j.t.Helper()
	return j.ask("tools/call", map[string]any{"name": tool, "arguments": args})
}

// TestOnlyTheTable: what executes, writes or is not known never reaches the editor,
// and diffs need their word.
func TestOnlyTheTable(t *testing.T) {
	for mode, words := range map[string]string{
		network.IDEContext: "getDiagnostics getOpenEditors getWorkspaceFolders getCurrentSelection getLatestSelection checkDocumentDirty",
		network.IDEDiffs:   "openDiff getDiagnostics close_tab closeAllDiffTabs getOpenEditors getWorkspaceFolders getCurrentSelection getLatestSelection checkDocumentDirty",
	} {
		j := start(t, mode)
		var list struct {
			Result struct{ Tools []struct{ Name string } }
		}
		if err := json.Unmarshal([]byte(j.ask("tools/list", nil)), &list); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, tool := range list.Result.Tools {
			names = append(names, tool.Name)
		}
		if got := strings.Join(names, " "); got != words {
			t.Errorf("%s: the jail is told of %s", mode, got)
		}
		before := len(j.Said())
		for _, tool := range []string{"executeCode", "saveDocument", "openFile", "EXECUTECODE", "executeCode\x00", "", "x"} {
			if a := j.call(tool, map[string]any{"code": "import os", "filePath": project + "/a", "uri": project + "/a"}); !strings.Contains(a, "isError") {
				t.Errorf("%s: %q: %s", mode, tool, a)
			}
		}
		if mode == network.IDEContext {
			if a := j.call("openDiff", diff(project+"/a.go")); !strings.Contains(a, "bridges.ide") {
				t.Errorf("a diff: %s", a)
			}
		}
		for _, method := range []string{"resources/read", "prompts/get", "sampling/createMessage", "x"} {
			if a := j.ask(method, nil); !strings.Contains(a, `"error"`) {
				t.Errorf("%s: %s", method, a)
			}
		}
		// Names of fields that decoders confuse, and a second one of the same name.
		for _, text := range []string{
			`{"jsonrpc":"2.0","id":77,"METHOD":"tools/call","Params":{"Name":"executeCode","arguments":{}}}`,
			`{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"name":"getDiagnostics","name":"executeCode","arguments":{}}}`,
		} {
			if err := j.ws.Say([]byte(text)); err != nil {
				t.Fatal(err)
			}
			if a := j.read(); !strings.Contains(a, "isError") {
				t.Errorf("%s: %s", text, a)
			}
		}
		_ = send(j.ws, message{Method: "ide_connected", Params: encode(map[string]int{"pid": 1})})
		_ = j.ask("ping", nil)
		if said := j.Said(); len(said) != before {
			t.Errorf("%s: the editor was told %q", mode, said[before:])
		}
		if len(j.events) == 0 || j.events[0].Name != "Stand-in" || !j.events[0].OK {
			t.Errorf("logged: %+v", j.events)
		}
	}
}

func diff(p string) map[string]any {
	return map[string]any{"old_file_path": p, "new_file_path": p, "new_file_contents": "x", "tab_name": "t"}
}

// TestFiles: the editor says nothing of files that the jail has not, and shows
// diffs of none that it could not write itself.
func TestFiles(t *testing.T) {
	j := start(t, network.IDEDiffs)
	const secret = "the content of a file outside"
	j.Answers["getDiagnostics"] = func(map[string]any) []string {
		one := func(uri, message string) string {
			return fmt.Sprintf(`{"uri":%q,"diagnostics":[{"message":%q}]}`, uri, message)
		}
		return []string{"[" + one("file://"+project+"/a.go", "good") + "," + one("file:///home/ada/.ssh/config", secret) + "," + one("file://"+project+"/.env", secret) + "," + one("file://"+project+"/../x", secret) + "," + one("untitled:1", secret) + "]"}
	}
	at := project + "/a.go"
	selection := func(map[string]any) []string {
		return []string{fmt.Sprintf(`{"success":true,"text":%q,"filePath":%q,"fileUrl":"file://x","selection":{"start":{"line":1,"character":0},"end":{"line":2,"character":0}}}`, secret, at)}
	}
	j.Answers["getCurrentSelection"], j.Answers["getLatestSelection"] = selection, selection
	j.Answers["getOpenEditors"] = func(map[string]any) []string {
		return []string{`{"tabs":[{"uri":"file://` + project + `/a.go","label":"a.go"},{"uri":"file:///home/ada/` + "taxes" + `.md","label":"taxes.md"}]}`}
	}
	j.Answers["checkDocumentDirty"] = func(map[string]any) []string {
		return []string{`{"success":true,"isDirty":true,"text":"` + secret + `"}`}
	}
	j.Answers["openDiff"] = func(map[string]any) []string { return []string{"FILE_SAVED", "as the user wants it"} }
	for _, c := range []struct {
		tool string
		args any
		want string
	}{
		{"getDiagnostics", map[string]any{}, "good"},
		{"getDiagnostics", map[string]any{"uri": "file://" + project + "/a.go"}, "good"},
		{"getOpenEditors", map[string]any{}, "a.go"},
		{"getWorkspaceFolders", map[string]any{}, project},
		{"checkDocumentDirty", map[string]any{"filePath": at}, `\"isDirty\":true`},
		{"openDiff", diff(at), "as the user wants it"},
		{"close_tab", map[string]any{"tab_name": "t"}, "TAB_CLOSED"},
		{"closeAllDiffTabs", map[string]any{}, "CLOSED_0"},
	} {
		a := j.call(c.tool, c.args)
		if !strings.Contains(a, c.want) || strings.Contains(a, "isError") || strings.Contains(a, secret) || strings.Contains(a, "taxes") {
			t.Errorf("%s: %s", c.tool, a)
		}
	}
	before := len(j.Said())
	for _, p := range []string{"/etc/passwd", "/home/ada/.ssh/id", project + "/.env", project + "/../x", "relative", project + "/link/x", "", "file:///etc/passwd", "file://host" + at, project + "line/x"} {
		for tool, args := range map[string]any{"getDiagnostics": map[string]any{"uri": p}, "checkDocumentDirty": map[string]any{"filePath": p}, "openDiff": diff(p)} {
			if a := j.call(tool, args); !strings.Contains(a, "isError") {
				t.Errorf("%s of %q: %s", tool, p, a)
			}
		}
	}
	two := diff(at)
	two["new_file_path"] = project + "/b.go"
	for name, args := range map[string]any{"two files": two, "a file of git": diff(project + "/.git/config"), "a uri": diff("file://" + at), "numbers": map[string]any{"old_file_path": 1}} {
		if a := j.call("openDiff", args); !strings.Contains(a, "isError") {
			t.Errorf("a diff of %s: %s", name, a)
		}
	}
	if a := j.call("close_tab", map[string]any{"tab_name": "the user's own"}); !strings.Contains(a, "isError") {
		t.Errorf("a tab of the user's: %s", a)
	}
	if said := j.Said(); len(said) != before {
		t.Errorf("the editor was told %q", said[before:])
	}
	if a := j.call("getCurrentSelection", map[string]any{}); !strings.Contains(a, secret) || strings.Contains(a, "file://x") {
		t.Errorf("a selection in the project: %s", a)
	}
	for _, at = range []string{"/home/ada/notes", project + "/.env"} {
		if a := j.call("getCurrentSelection", map[string]any{}); strings.Contains(a, secret) || strings.Contains(a, at) {
			t.Errorf("a selection in %s: %s", at, a)
		}
	}
	notify := func(method, p string) string {
		j.Notify(method, map[string]any{"text": secret, "filePath": p, "fileUrl": "file://" + p, "lineStart": 1, "lineEnd": 2, "selection": map[string]any{"start": map[string]int{"line": 1}, "end": map[string]int{"line": 2}}})
		j.Notify("selection_changed", map[string]any{"text": "the end", "filePath": project + "/a.go"})
		text := ""
		for !strings.Contains(text, "the end") {
			text += j.read()
		}
		return text
	}
	if a := notify("selection_changed", project+"/a.go"); !strings.Contains(a, secret) {
		t.Errorf("a selection in the project: %s", a)
	}
	if a := notify("at_mentioned", project+"/a.go"); !strings.Contains(a, "at_mentioned") || strings.Contains(a, secret) {
		t.Errorf("a mention: %s", a)
	}
	for _, method := range []string{"selection_changed", "at_mentioned", "log_event", "tools/call", "x"} {
		if a := notify(method, "/home/ada/notes"); strings.Contains(a, secret) || strings.Contains(a, "notes") {
			t.Errorf("%s: the jail learns %s", method, a)
		}
	}
}

// TestBounds: a jail has so many connections, and of a request that waits nothing is
// kept which it may make large.
func TestBounds(t *testing.T) {
	j := start(t, network.IDEDiffs)
	dial := func() (net.Conn, error) {
		c, err := net.Dial("tcp", j.at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		_, err = connect(c, 1, "whatever")
		return c, err
	}
	var last net.Conn
	for i := range maxConns - 1 {
		c, err := dial()
		if err != nil {
			t.Fatalf("connection %d: %v", i+2, err)
		}
		last = c
	}
	before := j.Connected()
	for range 3 {
		if _, err := dial(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("one connection too many: %v", err)
		}
	}
	if j.Connected() != before {
		t.Error("the editor is connected to once more")
	}
	last.Close() // makes room for another one
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := dial(); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	id := encode(strings.Repeat("x", maxID-2))
	if err := send(j.ws, message{ID: id, Method: "ping"}); err != nil || !strings.Contains(j.read(), string(id)) {
		t.Errorf("the longest name: %v", err)
	}
	if err := send(j.ws, message{ID: encode(strings.Repeat("x", maxID-1)), Method: "ping"}); err != nil {
		t.Fatal(err)
	}
	if text, err := j.ws.Hear(); !errors.Is(err, io.EOF) {
		t.Errorf("a longer one: %s, %v", text, err)
	}
}

// TestErrors: what the editor says of an error may be of any file.
func TestErrors(t *testing.T) {
	j := start(t, network.IDEContext)
	j.Answers["getOpenEditors"] = func(map[string]any) []string { return []string{"cannot read /home/ada/secret"} }
	if a := j.call("getOpenEditors", nil); !strings.Contains(a, `"error"`) || strings.Contains(a, "secret") {
		t.Error(a)
	}
	j.Fails = map[string]bool{"getOpenEditors": true}
	if a := j.call("getOpenEditors", nil); !strings.Contains(a, "isError") || strings.Contains(a, "secret") {
		t.Error(a)
	}
}

// TestNoMessages: what is no web socket of texts of JSON ends the connection.
func TestNoMessages(t *testing.T) {
	for name, frame := range map[string]string{"no JSON": "\x81\x81\x00\x00\x00\x00x", "not masked": "\x81\x02{}", "binary": "\x82\x82\x00\x00\x00\x00{}"} {
		j := start(t, network.IDEContext)
		_, _ = io.WriteString(j.ws.Conn, frame)
		_ = j.ws.SetReadDeadline(time.Now().Add(10 * time.Second))
		if text, err := j.ws.Hear(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: %s, %v", name, text, err)
		}
	}
}

// TestHandshake: pages of a browser and what is no web socket get nothing, and
// without a window it is said why.
func TestHandshake(t *testing.T) {
	why := errors.New("no window has it open")
	e := New(bridge.Options{Config: &network.Bridges{IDE: network.IDEContext}, Host: func(context.Context, bridge.Request) (bridge.Answer, error) { return bridge.Answer{}, why }, Log: func(bridge.Event) {}}, files{}, nil)
	const good = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n"
	for text, want := range map[string]string{
		good + "\r\n": why.Error(),
		good + "Origin: https://evil.example\r\n\r\n": "a page does",
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n":           "no request for a web socket",
		"x\r\n\r\n":                                   "malformed",
		strings.Repeat("x", 64<<10):                   "header",
	} {
		ours, theirs := net.Pipe()
		go func() { e.Serve(context.Background(), theirs); theirs.Close() }()
		go func() { _, _ = io.WriteString(ours, text) }()
		got, _ := io.ReadAll(ours)
		if !strings.HasPrefix(string(got), "HTTP/1.1 502") || !strings.Contains(string(got), want) {
			t.Errorf("%.40q: %s", text, got)
		}
	}
}
