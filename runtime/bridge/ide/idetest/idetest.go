// Package idetest plays an editor with Claude Code's extension, for tests: a web
// socket on the loopback that speaks MCP, and the file that says where it is.
//
// What does not belong here: anything of package ide, which is tested against it.
package idetest

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/jailed-claude/jailed-claude/internal/websocket"
)

// Token is the editor's secret.
const Token = "e7c1-the-secret-of-the-editor"

// Editor is one window.
type Editor struct {
	Port int
	// Answers are what tools say, by their names; each is a list of texts.
	Answers map[string]func(args map[string]any) []string
	// Fails are tools whose answers are errors.
	Fails map[string]bool

	mu      sync.Mutex
	said    []string
	refused int
	conns   []*websocket.Socket
}

// Test is what a testing.T is good for here.
type Test interface {
	Helper()
	Fatal(args ...any)
	Cleanup(f func())
}

// New opens a window of a folder, and says so in the configuration of the user's
// Claude Code.
func New(t Test, config, folder string) *Editor {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	e := &Editor{Port: l.Addr().(*net.TCPAddr).Port, Answers: map[string]func(map[string]any) []string{}}
	lock, err := json.Marshal(map[string]any{"pid": os.Getpid(), "workspaceFolders": []string{folder}, "ideName": "Stand-in", "transport": "ws", "runningInWindows": false, "authToken": Token})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(config, "ide")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.lock", e.Port)), lock, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go e.serve(c)
		}
	}()
	return e
}

// Said are the messages that came, as they were written.
func (e *Editor) Said() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.said...)
}

// Refused are connections without the token.
func (e *Editor) Refused() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.refused
}

// Connected is how many connections there have been.
func (e *Editor) Connected() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.conns)
}

// Notify says something to all that are connected.
func (e *Editor) Notify(method string, params any) {
	e.mu.Lock()
	all := append([]*websocket.Socket(nil), e.conns...)
	e.mu.Unlock()
	for _, c := range all {
		say(c, map[string]any{"jsonrpc": "2.0", "method": method, "params": params})
	}
}

// most is more than any message that should come, in bytes.
const most = 64 << 20

func (e *Editor) serve(c net.Conn) {
	defer c.Close()
	s, r, err := websocket.Asked(c, most)
	if err != nil {
		return
	}
	if r.Header.Get("X-Claude-Code-Ide-Authorization") != Token {
		e.mu.Lock()
		e.refused++
		e.mu.Unlock()
		fmt.Fprint(c, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
		return
	}
	if s.Answer(r, "mcp") != nil {
		return
	}
	e.mu.Lock()
	e.conns = append(e.conns, s)
	e.mu.Unlock()
	for {
		text, err := s.Hear()
		if err != nil {
			return
		}
		e.mu.Lock()
		e.said = append(e.said, string(text))
		e.mu.Unlock()
		e.take(s, text)
	}
}

// names of the tools of the real extension.
var names = []string{"openDiff", "getDiagnostics", "close_tab", "closeAllDiffTabs", "openFile", "getOpenEditors", "getWorkspaceFolders", "getCurrentSelection", "getLatestSelection", "checkDocumentDirty", "saveDocument", "executeCode"}

func (e *Editor) take(s *websocket.Socket, text []byte) {
	var m struct {
		ID     json.RawMessage
		Method string
		Params struct {
			Name      string
			Arguments map[string]any
		}
	}
	if json.Unmarshal(text, &m) != nil || len(m.ID) == 0 || m.Method == "" {
		return
	}
	var result any
	switch m.Method {
	case "initialize":
		result = map[string]any{"protocolVersion": "2025-03-26", "capabilities": map[string]any{"tools": map[string]any{}}, "serverInfo": map[string]string{"name": "stand-in", "version": "1"}}
	case "tools/list":
		tools := []any{}
		for _, n := range names {
			tools = append(tools, map[string]any{"name": n, "description": n, "inputSchema": map[string]any{"type": "object"}})
		}
		result = map[string]any{"tools": tools}
	case "tools/call":
		parts := []any{}
		if f := e.Answers[m.Params.Name]; f != nil {
			for _, t := range f(m.Params.Arguments) {
				parts = append(parts, map[string]string{"type": "text", "text": t})
			}
		}
		result = map[string]any{"content": parts, "isError": e.Fails[m.Params.Name]}
	default:
		result = map[string]any{}
	}
	say(s, map[string]any{"jsonrpc": "2.0", "id": m.ID, "result": result})
}

func say(s *websocket.Socket, v any) {
	if text, err := json.Marshal(v); err == nil {
		_ = s.Say(text)
	}
}
