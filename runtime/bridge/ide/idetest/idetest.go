// Package idetest plays an editor with Claude Code's extension, for tests: a web
// socket on the loopback that speaks MCP, and the file that says where it is.
//
// What does not belong here: anything of package ide, which is tested against it.
package idetest

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // of RFC 6455
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
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
	conns   []*conn
}

type conn struct {
	net.Conn
	mu sync.Mutex
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
			go e.serve(&conn{Conn: c})
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
	all := append([]*conn(nil), e.conns...)
	e.mu.Unlock()
	for _, c := range all {
		c.say(map[string]any{"jsonrpc": "2.0", "method": method, "params": params})
	}
}

func (e *Editor) serve(c *conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	r, err := http.ReadRequest(in)
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
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as the standard says
	fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: mcp\r\nSec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]))
	e.mu.Lock()
	e.conns = append(e.conns, c)
	e.mu.Unlock()
	for {
		text, err := read(in)
		if err != nil {
			return
		}
		e.mu.Lock()
		e.said = append(e.said, string(text))
		e.mu.Unlock()
		e.take(c, text)
	}
}

// names of the tools of the real extension.
var names = []string{"openDiff", "getDiagnostics", "close_tab", "closeAllDiffTabs", "openFile", "getOpenEditors", "getWorkspaceFolders", "getCurrentSelection", "getLatestSelection", "checkDocumentDirty", "saveDocument", "executeCode"}

func (e *Editor) take(c *conn, text []byte) {
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
	c.say(map[string]any{"jsonrpc": "2.0", "id": m.ID, "result": result})
}

func (c *conn) say(v any) {
	text, err := json.Marshal(v)
	if err != nil {
		return
	}
	head := []byte{0x81}
	switch {
	case len(text) < 126:
		head = append(head, byte(len(text)))
	case len(text) < 1<<16:
		head = binary.BigEndian.AppendUint16(append(head, 126), uint16(len(text)))
	default:
		head = binary.BigEndian.AppendUint64(append(head, 127), uint64(len(text)))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = c.Write(append(head, text...))
}

// read is the next text of a client, which masks.
func read(in *bufio.Reader) ([]byte, error) {
	for {
		var head [2]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return nil, err
		}
		n := uint64(head[1] & 0x7f)
		if n >= 126 {
			long := make([]byte, map[uint64]int{126: 2, 127: 8}[n])
			if _, err := io.ReadFull(in, long); err != nil {
				return nil, err
			}
			n = 0
			for _, b := range long {
				n = n<<8 | uint64(b)
			}
		}
		if head[1]&0x80 == 0 || n > 64<<20 {
			return nil, io.ErrUnexpectedEOF
		}
		data := make([]byte, 4+n)
		if _, err := io.ReadFull(in, data); err != nil {
			return nil, err
		}
		for i := range data[4:] {
			data[4+i] ^= data[i%4]
		}
		switch head[0] {
		case 0x81:
			return data[4:], nil
		case 0x88:
			return nil, io.EOF
		}
	}
}
