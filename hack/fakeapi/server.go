package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// server answers every request; it is safe for concurrent use.
type server struct {
	script []turn
	// joinLoopback lets CONNECT through to any loopback address.
	joinLoopback bool
	// tlsAddr is where CONNECTs to one of tlsNames are joined; empty: refused.
	tlsAddr string

	mu  sync.Mutex
	log *json.Encoder
}

func newServer(script []turn, log io.Writer) *server {
	s := &server{script: script, log: json.NewEncoder(log)}
	s.log.SetEscapeHTML(false)
	return s
}

// entry is one line of the request log.
type entry struct {
	Time    string      `json:"time"`
	Method  string      `json:"method"`
	Host    string      `json:"host"`
	URL     string      `json:"url"`
	TLS     bool        `json:"tls,omitempty"`
	Headers http.Header `json:"headers"`
	// Body is the request's JSON, or a string of what is not JSON.
	Body json.RawMessage `json:"body,omitempty"`
	// Note says what the server made of the request.
	Note string `json:"note,omitempty"`
}

func (s *server) record(r *http.Request, body []byte, note string) {
	e := entry{
		Time: time.Now().Format(time.RFC3339Nano), Method: r.Method, Host: r.Host, URL: r.RequestURI,
		TLS: r.TLS != nil, Headers: r.Header, Body: body, Note: note,
	}
	if !json.Valid(body) {
		e.Body = nil
		if len(body) > 0 {
			e.Body, _ = json.Marshal(string(body)) // a string always has a JSON form
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.log.Encode(e) // a full disk must not change the answer
}

// ServeHTTP plays the API, and a proxy that lets nothing out.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodConnect {
		s.connect(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.record(r, nil, "unreadable body")
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if r.URL.IsAbs() && !isLoopback(r.URL.Hostname()) {
		s.record(r, body, "proxy request refused")
		http.Error(w, "refused", http.StatusForbidden)
		return
	}
	path := r.URL.Path
	switch {
	case r.Method == http.MethodPost && path == "/v1/messages":
		s.messages(w, r, body)
	case strings.HasSuffix(path, "/count_tokens"):
		s.record(r, body, "")
		writeJSON(w, http.StatusOK, map[string]any{"input_tokens": tokens(body)})
	case strings.HasSuffix(path, "/hello"): // connectivity checks
		s.record(r, body, "")
		writeJSON(w, http.StatusOK, map[string]any{"message": "hello"})
	case path == "/v1/models":
		s.record(r, body, "")
		writeJSON(w, http.StatusOK, map[string]any{"data": []any{}, "has_more": false})
	case r.Method == http.MethodHead && path == "/":
		s.record(r, body, "")
	default:
		s.record(r, body, "unknown path")
		writeError(w, http.StatusNotFound, "not_found_error", "fakeapi knows no "+path)
	}
}

// connect joins a CONNECT to a target that is allowed, and refuses the rest.
func (s *server) connect(w http.ResponseWriter, r *http.Request) {
	host, _, _ := net.SplitHostPort(r.Host)
	target := ""
	switch {
	case s.tlsAddr != "" && slices.Contains(tlsNames, host):
		target = s.tlsAddr
	case s.joinLoopback && isLoopback(host):
		target = r.Host
	}
	if target == "" {
		s.record(r, nil, "CONNECT refused")
		http.Error(w, "refused", http.StatusForbidden)
		return
	}
	s.record(r, nil, "CONNECT joined")
	up, err := net.Dial("tcp", target)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = up.Close() }()
	w.WriteHeader(http.StatusOK)
	down, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = down.Close() }()
	go func() {
		_, _ = io.Copy(up, buffered) // what the client sent early is in the buffer
		_ = up.Close()
	}()
	_, _ = io.Copy(down, up)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// messages answers POST /v1/messages with the turn that the script has for it.
func (s *server) messages(w http.ResponseWriter, r *http.Request, body []byte) {
	var req request
	if err := json.Unmarshal(body, &req); err != nil {
		s.record(r, body, "not a Messages request")
		writeError(w, http.StatusBadRequest, "invalid_request_error", err.Error())
		return
	}
	t, n, note := next(s.script, req)
	s.record(r, body, note)
	time.Sleep(time.Duration(t.DelayMS) * time.Millisecond)
	w.Header().Set("Request-Id", fmt.Sprintf("req_fake_%d", n))
	if t.Status != 0 {
		writeError(w, t.Status, "api_error", "scripted")
		return
	}
	a := newAnswer(t, n, req.Model, tokens(body))
	if req.Stream {
		a.stream(w)
		return
	}
	writeJSON(w, http.StatusOK, a.message())
}

// tokens is a plausible count: about four bytes make a token.
func tokens(body []byte) int { return len(body) / 4 }

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}

func writeError(w http.ResponseWriter, status int, kind, text string) {
	writeJSON(w, status, map[string]any{"type": "error", "error": map[string]any{"type": kind, "message": text}})
}
