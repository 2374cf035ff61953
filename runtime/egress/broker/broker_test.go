package broker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

const key = "sk-real-0123456789-abcdefghijklmnopqrstuvwxyz"

// seen is what the service got of a request.
type seen struct {
	method, host, uri, body string
	proto                   int
	header                  http.Header
}

// lab is a broker, the service behind it, and what both have seen.
type lab struct {
	t       *testing.T
	b       *Broker
	addr    string // of the broker
	service *httptest.Server
	mu      sync.Mutex
	got     []seen
	events  []Event
	dialled []string
	logged  chan struct{}
}

// change makes of the usual broker another one.
type change func(*network.Broker, *Options, *httptest.Server)

// newLab plays https://example.com, whose certificate httptest has.
func newLab(t *testing.T, answer http.HandlerFunc, changes ...change) *lab {
	t.Helper()
	l := &lab{t: t, logged: make(chan struct{}, 1000)}
	l.service = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := seen{method: r.Method, host: r.Host, uri: r.RequestURI, proto: r.ProtoMajor, header: r.Header.Clone()}
		if answer == nil {
			body, _ := io.ReadAll(r.Body)
			s.body = string(body)
		}
		l.mu.Lock()
		l.got = append(l.got, s)
		l.mu.Unlock()
		if answer != nil {
			answer(w, r)
		}
	}))
	l.service.EnableHTTP2 = true
	l.service.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that fail are meant to
	nb := network.Broker{Name: "test", Upstream: "https://example.com", Header: "X-Api-Key", From: "env:KEY", Paths: []string{"/v1/messages", "/v1/messages/"}}
	o := Options{Key: key, Log: func(e Event) {
		l.mu.Lock()
		l.events = append(l.events, e)
		l.mu.Unlock()
		l.logged <- struct{}{}
	}}
	o.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		l.mu.Lock()
		l.dialled = append(l.dialled, addr)
		l.mu.Unlock()
		return new(net.Dialer).DialContext(ctx, network, l.service.Listener.Addr().String())
	}
	for _, c := range changes {
		c(&nb, &o, l.service)
	}
	l.service.StartTLS()
	t.Cleanup(l.service.Close)
	if o.Roots == nil {
		o.Roots = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: l.service.Certificate().Raw})
	}
	b, err := New(nb, o)
	if err != nil {
		t.Fatal(err)
	}
	l.b = b
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.addr = ln.Addr().String()
	served := make(chan error)
	go func() { served <- b.Serve(ln) }()
	t.Cleanup(func() {
		ln.Close()
		if err := <-served; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve: %v", err)
		}
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return l
}

// generic is a broker without a list of paths, for Authorization.
func generic(b *network.Broker, _ *Options, _ *httptest.Server) {
	b.Header, b.Paths = "Authorization", nil
}

// http1 is a service that does not speak HTTP/2.
func http1(_ *network.Broker, _ *Options, s *httptest.Server) { s.EnableHTTP2 = false }

// do sends a request to the broker and returns the answer with its whole body.
func (l *lab) do(method, path, body string, header ...string) (*http.Response, string) {
	l.t.Helper()
	r, err := http.NewRequest(method, "http://"+l.addr+path, strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	c := http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Do(r)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		l.t.Fatalf("%s %s: %v, after %q", method, path, err, text)
	}
	return resp, string(text)
}

// raw sends bytes to the broker and returns all that comes back.
func (l *lab) raw(text string) string {
	l.t.Helper()
	c, err := net.Dial("tcp", l.addr)
	if err != nil {
		l.t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		l.t.Fatal(err)
	}
	answer, _ := io.ReadAll(c) // a reset is an end as well
	return string(answer)
}

// last is the only request that the service has got since the last call.
func (l *lab) last() seen {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.got) != 1 {
		l.t.Fatalf("the service got %d requests: %+v", len(l.got), l.got)
	}
	s := l.got[0]
	l.got = nil
	return s
}

// event waits for the end of one more request.
func (l *lab) event() Event {
	l.t.Helper()
	<-l.logged
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.events[len(l.events)-1]
}

// clean: the key is nowhere in text.
func clean(t *testing.T, what string, values ...any) {
	t.Helper()
	if text := fmt.Sprintf("%+v", values); strings.Contains(strings.ToLower(text), strings.ToLower(key)) {
		t.Errorf("%s has the key: %s", what, text)
	}
}

func TestForward(t *testing.T) {
	l := newLab(t, nil)
	hold := l.b.Placeholder()
	resp, _ := l.do("POST", "/v1/messages?beta=true&k="+hold, `{"say":"`+hold+`"}`, "X-Api-Key", hold, "Anthropic-Version", "2023-06-01", "X-Other", hold,
		"Connection", "X-Gone, X-Api-Key", "X-Gone", "1", "Te", "trailers", "Keep-Alive", "5", "Accept-Encoding", "gzip, br", "Range", "bytes=0-5",
		"Authorization", "Bearer attacker", "Cookie", "session=attacker", "X_Api_Key", "attacker", "X-Original-Url", "/v1/organizations",
		"X-Forwarded-For", "1.2.3.4", "X_Forwarded_Host", "evil.com", "Upgrade", "h2c", "Expect", "100-continue")
	if resp.StatusCode != 200 {
		t.Fatal(resp.Status)
	}
	s := l.last()
	if s.method != "POST" || s.host != "example.com" || s.uri != "/v1/messages?beta=true&k="+hold || s.body != `{"say":"`+hold+`"}` || s.proto != 2 {
		t.Errorf("%+v", s)
	}
	want := http.Header{"X-Api-Key": {key}, "Anthropic-Version": {"2023-06-01"}, "X-Other": {hold}, "Accept-Encoding": {"identity"},
		"User-Agent": {"Go-http-client/1.1"}, "Content-Length": {fmt.Sprint(len(s.body))}}
	for name, values := range s.header {
		if !slices.Equal(values, want[name]) {
			t.Errorf("%s: %q, want %q", name, values, want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
	e := l.event()
	if e.Broker != "test" || e.Method != "POST" || e.Path != "/v1/messages" || e.Status != 200 || !e.Forwarded || e.Sent != int64(len(s.body)) || e.Why != "" {
		t.Errorf("%+v", e)
	}
	clean(t, "the log", l.events)
	// One address was asked for, by name: whoever gave Dial decides.
	if !slices.Equal(l.dialled, []string{"example.com:443"}) {
		t.Errorf("dialled %q", l.dialled)
	}
	if _, ok := l.sentAgent("GET /v1/messages HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Api-Key: " + hold + "\r\n\r\n"); ok {
		t.Error("a User-Agent was made up")
	}
}

// sentAgent sends a raw request and returns the User-Agent that arrived.
func (l *lab) sentAgent(text string) (string, bool) {
	l.t.Helper()
	l.raw(text)
	h := l.last().header["User-Agent"]
	return strings.Join(h, ","), len(h) > 0
}

func TestSchemes(t *testing.T) {
	l := newLab(t, nil, generic)
	hold := l.b.Placeholder()
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	for in, want := range map[string]string{
		hold:                           key,
		"Bearer " + hold:               "Bearer " + key,
		"bearer  " + hold:              "bearer " + key,
		"token " + hold:                "token " + key,
		basic(hold):                    basic(key),
		basic(hold + ":"):              basic(key + ":"),
		basic("git:" + hold):           basic("git:" + key),
		basic(":" + hold):              basic(":" + key),
		basic(hold + ":" + hold):       basic(key + ":" + key),
		basic(hold + ":x-oauth-basic"): basic(key + ":x-oauth-basic"),
		"":                             "",
		"attacker":                     "",
		"Bearer attacker":              "",
		"Bearer " + hold + "x":         "",
		"x" + hold:                     "",
		hold + " attacker":             "",
		"attacker " + hold + " ":       "attacker " + key, // net/http trims it: a scheme as others
		"Bearer attacker " + hold:      "",
		"Bearer attacker, " + hold:     "",
		"Bearer=attacker, " + hold:     "",
		strings.ToUpper(hold):          "",
		basic("attacker"):              "",
		basic("git:attacker"):          "",
		basic("git:x" + hold):          "",
		basic(hold + ":attacker"):      "",
		basic(strings.Repeat("a", 40) + ":" + hold): "",
		"Basic " + hold:           "",
		"Basic !!!":               "",
		basic("a:b") + " " + hold: "",
	} {
		resp, text := l.do("GET", "/x", "", "Authorization", in)
		if want == "" {
			if resp.StatusCode != 401 || len(l.got) != 0 || !strings.Contains(text, "placeholder") {
				t.Errorf("%q: %s, %s", in, resp.Status, text)
			}
			if !strings.HasPrefix(resp.Header.Get("Www-Authenticate"), "Basic ") {
				t.Errorf("%q: git is not asked for its credentials", in)
			}
			l.got = nil
			continue
		}
		if resp.StatusCode != 200 {
			t.Errorf("%q: %s %s", in, resp.Status, text)
			continue
		}
		if got := l.last().header.Get("Authorization"); got != want {
			t.Errorf("%q: %q arrived, want %q", in, got, want)
		}
	}
}

// TestRefused: what is not forwarded, and how the jail is told.
func TestRefused(t *testing.T) {
	l := newLab(t, nil)
	hold := "X-Api-Key: " + l.b.Placeholder() + "\r\n"
	for _, c := range []struct {
		name, line, header string
		status             int
		says               string
	}{
		{"no key", "POST /v1/messages", "", 401, "placeholder"},
		{"another key", "POST /v1/messages", "X-Api-Key: sk-attacker-key\r\n", 401, "no other key"},
		{"the real key", "POST /v1/messages", "X-Api-Key: " + key + "\r\n", 401, "no other key"},
		{"the placeholder in another header", "POST /v1/messages", "Authorization: Bearer " + l.b.Placeholder() + "\r\n", 401, "X-Api-Key"},
		{"two keys", "POST /v1/messages", hold + "X-Api-Key: sk-attacker-key\r\n", 401, "more than one"},
		{"two keys, the other way round", "POST /v1/messages", "X-Api-Key: sk-attacker-key\r\n" + hold, 401, "more than one"},
		{"an administrator's path", "GET /v1/organizations/api_keys", hold, 403, "not among"},
		{"another case", "GET /V1/messages", hold, 403, "not among"},
		{"a longer name", "GET /v1/messagesx", hold, 403, "not among"},
		{"root", "GET /", hold, 403, "not among"},
		{"dots", "GET /v1/messages/../organizations", hold, 400, "dotted"},
		{"a dot", "GET /v1/messages/./x", hold, 400, "dotted"},
		{"dots at the end", "GET /v1/messages/..", hold, 400, "dotted"},
		{"encoded dots", "GET /v1/messages/%2e%2E/organizations", hold, 400, "dotted"},
		{"half encoded dots", "GET /v1/messages/.%2e/organizations", hold, 400, "dotted"},
		{"an encoded slash", "GET /v1/messages/..%2forganizations", hold, 400, "dotted"},
		{"an encoded slash alone", "GET /v1/messages/a%2Fb", hold, 400, "encoded slash"},
		{"an encoded slash in front", "GET /v1%2fmessages", hold, 400, "encoded slash"},
		{"twice encoded", "GET /v1/messages/%252e%252e/organizations", hold, 400, "dotted"},
		{"a twice encoded slash", "GET /v1/messages/a%252fb", hold, 400, "percent"},
		{"parameters behind dots", "GET /v1/messages/..;/organizations", hold, 400, "dotted"},
		{"nothing but parameters", "GET /v1/messages/;a/organizations", hold, 400, "empty"},
		{"two slashes", "GET /v1//messages", hold, 400, "empty"},
		{"two slashes in front", "GET //v1/messages", hold, 400, ""},
		{"a host in front", "GET //evil.com/v1/messages", hold, 400, ""},
		{"backslash", `GET /v1/messages/..\organizations`, hold, 400, "characters"},
		{"encoded backslash", "GET /v1/messages/%5c..", hold, 400, "characters"},
		{"NUL", "GET /v1/messages/%00", hold, 400, "characters"},
		{"newline", "GET /v1/messages/%0d%0aX:y", hold, 400, "characters"},
		{"no UTF-8", "GET /v1/messages/%c0%ae%c0%ae/x", hold, 400, "characters"},
		{"a fragment", "GET /v1/messages#/../x", hold, 400, "characters"},
		{"absolute", "GET http://example.com/v1/messages", hold, 400, "no proxy"},
		{"absolute, elsewhere", "GET http://evil.com/v1/messages", hold, 400, "no proxy"},
		{"star", "OPTIONS *", hold, 400, "no proxy"},
		{"CONNECT", "CONNECT example.com:443", hold, 405, "CONNECT"},
		{"CONNECT a path", "CONNECT /v1/messages", hold, 405, "CONNECT"},
		{"TRACE", "TRACE /v1/messages", hold, 405, "TRACE"},
		{"websocket", "GET /v1/messages", hold + "Connection: Upgrade\r\nUpgrade: websocket\r\n", 501, "upgrades"},
		{"no HTTP", "HELLO", "", 400, ""},
		{"a header that is too long", "GET /v1/messages", hold + "X-Long: " + strings.Repeat("x", maxHeader+8<<10) + "\r\n", 431, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := l.raw(c.line + " HTTP/1.1\r\nHost: test.broker.internal\r\nConnection: close\r\n" + c.header + "\r\n")
			resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), nil)
			if err != nil {
				t.Fatalf("%v: %q", err, answer)
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != c.status {
				t.Errorf("%s: %s, want %d", resp.Status, body, c.status)
			}
			clean(t, "the answer", answer)
			if c.says == "" {
				return // net/http's own
			}
			var e struct {
				Type  string
				Error struct{ Type, Message string }
			}
			if err := json.Unmarshal(body, &e); err != nil || e.Type != "error" || e.Error.Type == "" ||
				!strings.HasPrefix(e.Error.Message, "jailed-claude broker: ") || !strings.Contains(e.Error.Message, c.says) {
				t.Errorf("%v: %s, want it to say %q", err, body, c.says)
			}
			if ev := l.event(); ev.Forwarded || ev.Status != c.status || ev.Why == "" || strings.Contains(ev.Path, "?") {
				t.Errorf("%+v", ev)
			}
		})
	}
	if len(l.got) != 0 || len(l.dialled) != 0 {
		t.Errorf("the service got %+v, at %q", l.got, l.dialled)
	}
	clean(t, "the log", l.events)
}

// TestPaths: without a list of paths, names of npm's and GitLab's with an
// encoded slash pass as they are; dots never do.
func TestPaths(t *testing.T) {
	l := newLab(t, nil, generic)
	auth := []string{"Authorization", "Bearer " + l.b.Placeholder()}
	for _, path := range []string{"/@types%2fnode", "/", "/a/", "/a%20b", "/a;v=1", "/100%25", "/%C3%BC"} {
		if resp, text := l.do("GET", path, "", auth...); resp.StatusCode != 200 || l.last().uri != path {
			t.Errorf("%s: %s %s", path, resp.Status, text)
		}
	}
	for _, path := range []string{"/a/%2e%2e/b", "/a%2f..%2fb", "/a//b"} {
		if resp, _ := l.do("GET", path, "", auth...); resp.StatusCode != 400 {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	below := newLab(t, nil, generic, func(b *network.Broker, _ *Options, _ *httptest.Server) { b.Upstream = "https://example.com/api/v4/" })
	if resp, _ := below.do("GET", "/projects?q=1", "", auth...); resp.StatusCode != 200 {
		t.Fatal(resp.Status)
	}
	if got := below.last().uri; got != "/api/v4/projects?q=1" {
		t.Error(got)
	}
	if resp, _ := below.do("GET", "/a%2fb", "", auth...); resp.StatusCode != 400 {
		t.Errorf("an encoded slash: %s", resp.Status)
	}
}

func TestCheckKey(t *testing.T) {
	for _, bad := range []string{"", "k-3-y", key + "\n", "two\nlines-of-a-key", key + "\x00", key + "é", " " + key, strings.Repeat("k", maxKey+1)} {
		_, err := New(network.Anthropic("env:X"), Options{Key: bad})
		if err == nil || !strings.Contains(err.Error(), `broker "anthropic"`) || !strings.Contains(err.Error(), "env:X") {
			t.Errorf("%.60q: %v", bad, err)
		} else if bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("the error has the key: %v", err)
		}
	}
	if _, err := New(network.Anthropic("env:X"), Options{Key: key, Roots: []byte("none")}); err == nil {
		t.Error("roots without a certificate are taken")
	}
	if _, err := New(network.Broker{Name: "x"}, Options{Key: key}); err == nil {
		t.Error("half a broker is taken")
	}
}

func TestMask(t *testing.T) {
	for _, n := range []int{8, 10, 12, 40} {
		if m := mask(n); len(m) != n {
			t.Errorf("%d: %q", n, m)
		}
	}
}

// split cuts text at the places in cuts.
func split(text []byte, cuts []byte) (parts [][]byte) {
	for _, c := range cuts {
		n := min(int(c), len(text))
		parts, text = append(parts, text[:n]), text[n:]
	}
	return append(parts, text)
}

func FuzzRedact(f *testing.F) {
	f.Add([]byte("xxaabaabaacxx"), []byte{1, 3, 4})
	f.Add([]byte("aabaabaabaac"), []byte{5, 1, 1})
	f.Add([]byte("event: x\n\n"), []byte{2})
	f.Fuzz(func(t *testing.T, text, cuts []byte) {
		secrets := []string{"aabaabaac", "aacaab"}
		whole := newRedactor(secrets)
		want := append(bytes.Clone(whole.feed(text)), whole.rest()...)
		r := newRedactor(secrets)
		var got []byte
		for _, p := range split(text, cuts) {
			got = append(got, r.feed(p)...)
			if len(r.held) >= 9 {
				t.Fatalf("%d bytes are held back", len(r.held))
			}
		}
		got = append(got, r.rest()...)
		if len(got) != len(text) || len(want) != len(text) {
			t.Fatalf("%d and %d bytes of %d", len(got), len(want), len(text))
		}
		for _, s := range secrets {
			if bytes.Contains(got, []byte(s)) {
				t.Fatalf("%q in %q", s, got)
			}
		}
	})
}
