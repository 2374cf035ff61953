package bridges

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/jailed-claude/jailed-claude/internal/websocket"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// window is one of an editor of the host, with Claude Code's extension: it does all
// that it is asked for, and has something open that is none of the jail's.
type window struct {
	name, token, secret string
	// folder is what it has open, outside a file that it shows besides.
	folder, outside string
	// Anybody gets in without a token.
	anybody bool
	listens net.Listener

	mu    sync.Mutex
	found map[string]bool // attacks that got through to it
}

// tokenHeader is where the extension looks for its token.
const tokenHeader = "X-Claude-Code-Ide-Authorization" //nolint:gosec // a header's name

// Names of windows, as they say themselves.
const (
	ours    = "the project's"
	other   = "another project's"
	planted = "the attacker's"
)

func (w *window) open() (err error) {
	w.found = map[string]bool{}
	if w.listens, err = net.Listen("tcp4", "127.0.0.1:0"); err != nil {
		return err
	}
	go func() {
		for {
			c, err := w.listens.Accept()
			if err != nil {
				return
			}
			go w.serve(c)
		}
	}()
	return nil
}

func (w *window) port() int { return w.listens.Addr().(*net.TCPAddr).Port }

// lock says in dir how the window is reached.
func (w *window) lock(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	text, err := json.Marshal(map[string]any{"pid": os.Getpid(), "workspaceFolders": []string{w.folder}, "ideName": "audit", "transport": "ws", "authToken": w.token})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.lock", w.port())), text, 0o600)
}

func (w *window) note(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.found["bridge-ide-"+name] = true
}

func (w *window) serve(c net.Conn) {
	defer c.Close()
	s, r, err := websocket.Asked(c, most)
	if err != nil {
		return
	}
	if !w.anybody && r.Header.Get(tokenHeader) != w.token {
		fmt.Fprint(c, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
		return
	}
	for name := range r.Header {
		if strings.Contains(strings.ToLower(name), "audit") {
			w.note("header")
		}
	}
	switch w.name {
	case other:
		w.note("other-window")
	case planted:
		w.note("planted")
	}
	if s.Answer(r, protocol) != nil {
		return
	}
	waiting := 0
	for {
		text, err := s.Hear()
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(text, &m) != nil || len(m.ID) == 0 || m.Method == "" {
			continue
		}
		if m.Method == "tools/call" && strings.HasSuffix(fmt.Sprint(m.Params.Arguments["filePath"]), never) {
			if waiting++; waiting > tooMany {
				w.note("flood")
			}
			continue
		}
		if !w.harmless(m) {
			w.note("asked-other")
		}
		if s.Say(encode(map[string]any{"jsonrpc": "2.0", "id": m.ID, "result": w.answer(m)})) != nil {
			return
		}
		if m.Method == "initialize" && s.Say(encode(map[string]any{"jsonrpc": "2.0", "method": "selection_changed", "params": w.marked()})) != nil {
			return
		}
	}
}

// message is one to an editor.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Name      string         `json:"name"`
		Arguments map[string]any `json:"arguments"`
	} `json:"params"`
}

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		return []byte("null") // all that is here can be marshalled
	}
	return text
}

// never ends the name of a file about which the editor does not answer, fails that
// of one where it says what went wrong.
const (
	never   = "/never-answered"
	fails   = "/fails"
	tooMany = 100
)

// marked is a selection in a file that no jail has.
func (w *window) marked() map[string]any {
	return map[string]any{"success": true, "text": w.secret, "filePath": w.outside, "fileUrl": "file://" + w.outside, "selection": map[string]any{}}
}

// answer does what is asked for.
func (w *window) answer(m message) any {
	texts := func(texts ...any) any {
		parts := []any{}
		for _, t := range texts {
			text, plain := t.(string)
			if !plain {
				text = string(encode(t))
			}
			parts = append(parts, map[string]string{"type": "text", "text": text})
		}
		return map[string]any{"content": parts}
	}
	switch m.Method {
	case "initialize":
		return map[string]any{"protocolVersion": "2025-03-26", "capabilities": map[string]any{"tools": map[string]any{}}, "serverInfo": map[string]string{"name": w.name, "version": "1"}}
	case "tools/list":
		return map[string]any{"tools": []any{map[string]any{"name": "executeCode", "description": w.secret, "inputSchema": map[string]any{"type": "object"}}}}
	}
	switch m.Params.Name {
	case "getDiagnostics":
		if strings.HasSuffix(fmt.Sprint(m.Params.Arguments["uri"]), fails) {
			return map[string]any{"isError": true, "content": []any{map[string]string{"type": "text", "text": w.secret}}}
		}
		return texts([]any{map[string]any{"uri": "file://" + w.outside, "diagnostics": []any{map[string]any{"message": w.secret}}}})
	case "getCurrentSelection", "getLatestSelection":
		return texts(w.marked())
	case "getOpenEditors":
		return texts(map[string]any{"tabs": []any{map[string]any{"uri": "file://" + w.outside, "label": w.secret}}})
	case "openDiff":
		return texts("FILE_SAVED", "audit")
	}
	return texts(map[string]any{"success": true, "isDirty": true})
}

// harmless is what a jail may have the editor do.
func (w *window) harmless(m message) bool {
	switch m.Method {
	case "initialize", "tools/list", "ping":
		return true
	case "tools/call":
	default:
		return false
	}
	for _, v := range m.Params.Arguments {
		p := strings.TrimPrefix(fmt.Sprint(v), "file://")
		if strings.HasPrefix(p, "/") && (!attack.Within(p, w.folder) || strings.Contains(p, "..") || strings.Contains(p, "/.git") || strings.Contains(p, link)) {
			return false
		}
	}
	switch m.Params.Name {
	case "getDiagnostics", "getCurrentSelection", "getLatestSelection", "getOpenEditors", "checkDocumentDirty", "openDiff":
		return true
	case "close_tab":
		return m.Params.Arguments["tab_name"] == ownTab
	}
	return false
}

// ownTab is one that the attacker has opened, and link a symlink that it has made.
const (
	ownTab = "audit"
	link   = "/link-of-audit"
)
