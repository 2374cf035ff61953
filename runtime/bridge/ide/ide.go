package ide

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/jailed-claude/jailed-claude/internal/websocket"
	"github.com/jailed-claude/jailed-claude/runtime/bridge"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Options of the bridge of one jail.
type Options struct {
	// Mode is network.IDEContext or network.IDEDiffs.
	Mode string
	// Files are the host's files as the jail has them.
	Files
	// Window finds the editor's window that has the project open.
	Window func(ctx context.Context) (bridge.Window, error)
	// Real reports whether no symlink of the host is on the way to a path. The jail
	// can make some.
	Real func(ctx context.Context, path string) error
	// Dial connects to a port of the host's loopback.
	Dial func(ctx context.Context, port uint16) (net.Conn, error)
	// Log is told of each use, from any goroutine.
	Log func(bridge.Event)
}

// Editor is the bridge of one jail.
type Editor struct {
	Options
	conns chan struct{}
}

// New is the bridge of a jail whose other bridges have these options.
func New(b bridge.Options, files Files, dial func(ctx context.Context, port uint16) (net.Conn, error)) *Editor {
	ask := func(ctx context.Context, r bridge.Request) (w bridge.Window, err error) {
		r.Bridge = network.BridgeIDE
		a, err := b.Host(ctx, r)
		switch {
		case err != nil:
		case a.Error != "":
			err = errors.New(a.Error)
		case a.Window != nil:
			w = *a.Window
		}
		return w, err
	}
	return &Editor{conns: make(chan struct{}, maxConns), Options: Options{
		Mode: b.Config.IDE, Files: files, Dial: dial, Log: b.Log,
		Window: func(ctx context.Context) (bridge.Window, error) {
			w, err := ask(ctx, bridge.Request{Project: files.ProjectDir()})
			if err == nil && w.Port == 0 {
				err = errors.New("no window")
			}
			return w, err
		},
		Real: func(ctx context.Context, path string) error {
			_, err := ask(ctx, bridge.Request{Path: path})
			return err
		},
	}}
}

// Files say what a jail has at clean, absolute paths of the host.
type Files interface {
	// ProjectDir is the folder in which an agent works.
	ProjectDir() string
	// Shows reports whether the jail reads there what the host has.
	Shows(path string) bool
	// Changes reports whether what it writes there is the host's at once.
	Changes(path string) bool
}

// Limits.
const (
	startTime  = 10 * time.Second
	maxPending = 64
	// maxConns is how many connections there are at once: an agent has one, and each
	// may hold some messages.
	maxConns = 8
	// maxID is how long the name of a request may be: it is kept until that is answered.
	maxID = 256
)

// session is one connection.
type session struct {
	Options
	ctx       context.Context //nolint:containedctx // that of Serve
	jail, ide *websocket.Socket
	mu        sync.Mutex
	next      int64
	pending   map[int64]*call
	tabs      map[string]bool // that this jail has opened
}

// call is a request that the editor has not answered yet.
type call struct {
	id   json.RawMessage // the jail's; nil: it is not told
	tool *tool           // nil: the method says what comes
	name string
	file any // that it is about; what else the editor is given is not kept
}

// message is one of JSON-RPC 2.0.
type message struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   json.RawMessage `json:"error,omitempty"`
}

// Serve serves a connection of the jail's until it ends, or ctx is done.
func (e *Editor) Serve(ctx context.Context, c net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	select {
	case e.conns <- struct{}{}:
		defer func() { <-e.conns }()
	default:
		e.Log(bridge.Event{Bridge: network.BridgeIDE, Refused: true, Why: "too many connections at once"})
		return
	}
	s := &session{Options: e.Options, ctx: ctx, pending: map[int64]*call{}, tabs: map[string]bool{}}
	w, err := s.open(c)
	event := bridge.Event{Bridge: network.BridgeIDE, Name: w.Name, OK: err == nil}
	if err != nil {
		event.Why = err.Error()
		_, _ = io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\njailed-claude: "+event.Why+"\n")
	}
	s.Log(event)
	if err != nil {
		return
	}
	defer s.ide.Close()
	defer context.AfterFunc(ctx, func() { _ = s.ide.Close() })()
	var both sync.WaitGroup
	pump := func(from *websocket.Socket, take func(message) error) {
		defer cancel() // the other one's end
		for {
			text, err := from.Hear()
			if err != nil {
				return
			}
			var m message
			if json.Unmarshal(text, &m) != nil || take(m) != nil {
				return
			}
		}
	}
	both.Go(func() { pump(s.jail, s.fromJail) })
	both.Go(func() { pump(s.ide, s.fromIDE) })
	both.Wait()
	// Nobody answers any more for what is still shown.
	_ = s.ide.Bye()
}

func send(to *websocket.Socket, m message) error {
	m.Version = "2.0"
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return to.Say(text)
}

func encode(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return text
}

// failed is an answer that is an error.
func failed(id json.RawMessage, code int, why string) message {
	return message{ID: id, Error: encode(map[string]any{"code": code, "message": why})}
}

const (
	noMethod = -32601
	internal = -32603
)

// fromJail takes what the jail says. An error ends the connection.
func (s *session) fromJail(m message) error {
	if len(m.ID) > maxID {
		return errors.New("the name of a request is too long")
	}
	if len(m.ID) == 0 {
		if m.Method == "notifications/initialized" {
			return send(s.ide, message{Method: m.Method})
		}
		return nil // numbers of processes mean nothing outside, and the rest is not for it
	}
	switch m.Method {
	case "":
		return nil // the editor has asked nothing
	case "ping":
		return send(s.jail, message{ID: m.ID, Result: encode(struct{}{})})
	case "initialize":
		var p struct {
			ProtocolVersion string `json:"protocolVersion"`
		}
		if json.Unmarshal(m.Params, &p) != nil || len(p.ProtocolVersion) > 32 {
			return send(s.jail, failed(m.ID, internal, "which version of the protocol?"))
		}
		return s.ask(&call{id: m.ID, name: m.Method}, m.Method, map[string]any{
			"protocolVersion": p.ProtocolVersion, "capabilities": struct{}{}, "clientInfo": map[string]string{"name": "claude-code", "version": "jailed"},
		})
	case "tools/list":
		return s.ask(&call{id: m.ID, name: m.Method}, m.Method, nil)
	case "tools/call":
		return s.call(m)
	}
	s.Log(bridge.Event{Bridge: network.BridgeIDE, Name: clip(m.Method), Refused: true, Why: "not a method that the jail may call"})
	return send(s.jail, failed(m.ID, noMethod, "the jail may not call this method of the editor"))
}

// clip is as much of a word as is worth logging.
func clip(s string) string { return s[:min(len(s), 64)] }

// ask sends a request of this connection's own making to the editor.
func (s *session) ask(c *call, method string, params any) error {
	s.mu.Lock()
	if len(s.pending) >= maxPending {
		s.mu.Unlock()
		return send(s.jail, failed(c.id, internal, "too many requests wait for the editor"))
	}
	s.next++
	n := s.next
	s.pending[n] = c
	s.mu.Unlock()
	m := message{ID: encode(n), Method: method}
	if params != nil {
		m.Params = encode(params)
	}
	return send(s.ide, m)
}

// call takes a call of a tool.
func (s *session) call(m message) error {
	var p struct {
		Name      string                     `json:"name"`
		Arguments map[string]json.RawMessage `json:"arguments"`
	}
	err := json.Unmarshal(m.Params, &p)
	t := tools[p.Name]
	switch {
	case err != nil:
		err = errors.New("malformed")
	case t == nil:
		err = errors.New("not a tool that a jail can have")
	case t.mode == network.IDEDiffs && s.Mode != network.IDEDiffs:
		err = fmt.Errorf("needs bridges.ide = %q", network.IDEDiffs)
	}
	c := &call{id: m.ID, tool: t, name: p.Name}
	var args map[string]any
	if err == nil {
		args, err = t.args(s, p.Arguments)
	}
	e := bridge.Event{Bridge: network.BridgeIDE, Name: clip(p.Name), OK: err == nil, Refused: err != nil}
	if err != nil {
		e.Why = err.Error()
	}
	s.Log(e)
	switch {
	case err != nil:
		return send(s.jail, message{ID: m.ID, Result: says(true, "refused by the jail: "+e.Why)})
	case t.local != nil:
		return send(s.jail, message{ID: m.ID, Result: t.local(s)})
	}
	c.file = args["filePath"]
	return s.ask(c, "tools/call", map[string]any{"name": p.Name, "arguments": args})
}

// content is a part of what a tool says.
type content struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// says is the result of a tool.
func says(isError bool, texts ...string) json.RawMessage {
	all := []content{}
	for _, t := range texts {
		all = append(all, content{"text", t})
	}
	r := map[string]any{"content": all}
	if isError {
		r["isError"] = true
	}
	return encode(r)
}

// fromIDE takes what the editor says.
func (s *session) fromIDE(m message) error {
	switch {
	case m.Method != "" && len(m.ID) > 0:
		if m.Method == "ping" {
			return send(s.ide, message{ID: m.ID, Result: encode(struct{}{})})
		}
		return send(s.ide, failed(m.ID, noMethod, "not in a jail"))
	case m.Method != "":
		return s.notification(m)
	}
	n, err := strconv.ParseInt(string(m.ID), 10, 64)
	s.mu.Lock()
	c := s.pending[n]
	delete(s.pending, n)
	s.mu.Unlock()
	if err != nil || c == nil || c.id == nil {
		return nil //nolint:nilerr // an answer to nothing
	}
	if len(m.Error) > 0 && string(m.Error) != "null" {
		return send(s.jail, failed(c.id, internal, "the editor could not do it"))
	}
	result, err := s.result(c, m.Result)
	if err != nil {
		return send(s.jail, failed(c.id, internal, err.Error()))
	}
	return send(s.jail, message{ID: c.id, Result: result})
}

// result is what the jail gets of an answer.
func (s *session) result(c *call, r json.RawMessage) (json.RawMessage, error) {
	switch c.name {
	case "initialize":
		var got struct {
			ProtocolVersion string `json:"protocolVersion"`
			ServerInfo      struct {
				Name, Version string
			} `json:"serverInfo"`
		}
		if err := json.Unmarshal(r, &got); err != nil {
			return nil, errors.New("the editor's answer is malformed")
		}
		return encode(map[string]any{
			"protocolVersion": got.ProtocolVersion, "capabilities": map[string]any{"tools": struct{}{}},
			"serverInfo": map[string]string{"name": clip(got.ServerInfo.Name), "version": clip(got.ServerInfo.Version)},
		}), nil
	case "tools/list":
		return s.list(r)
	}
	var got struct {
		Content []content `json:"content"`
		IsError bool      `json:"isError"`
	}
	if err := json.Unmarshal(r, &got); err != nil {
		return nil, errors.New("the editor's answer is malformed")
	}
	texts := []string{}
	for _, p := range got.Content {
		if p.Type == "text" {
			texts = append(texts, p.Text)
		}
	}
	if got.IsError {
		return says(true, "the editor could not do it"), nil // its words may be of any file
	}
	texts, err := c.tool.result(s, c, texts)
	if err != nil {
		return nil, err
	}
	return says(false, texts...), nil
}
