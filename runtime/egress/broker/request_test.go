package broker

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

func TestForward(t *testing.T) {
	l := newLab(t, nil)
	hold := l.b.Placeholder()
	resp, _ := l.do("POST", "/v1/messages?beta=true&k="+hold, `{"say":"`+hold+`"}`, "X-Api-Key", hold, "Anthropic-Version", "2023-06-01", "X-Other", hold,
		"Connection", "X-Gone, X-Api-Key", "X-Gone", "1", "Te", "trailers", "Keep-Alive", "5", "Accept-Encoding", "gzip, br", "Range", "bytes=0-5",
		"Authorization", "Bearer attacker", "Cookie", "session=attacker", "X_Api_Key", "attacker", "X-Original-Url", "/v1/organizations",
		"X-Forwarded-For", "1.2.3.4", "X_Forwarded_Host", "evil.com", "Upgrade", "h2c", "Expect", "100-continue")
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	s := l.last()
	if s.method != http.MethodPost || s.host != "example.com" || s.uri != "/v1/messages?beta=true&k="+hold || s.body != `{"say":"`+hold+`"}` || s.proto != 2 {
		t.Errorf("%+v", s)
	}
	want := http.Header{
		"X-Api-Key": {key}, "Anthropic-Version": {"2023-06-01"}, "X-Other": {hold}, "Accept-Encoding": {"identity"},
		"User-Agent": {"Go-http-client/1.1"}, "Content-Length": {fmt.Sprint(len(s.body))},
	}
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
	if e.Broker != "test" || e.Method != http.MethodPost || e.Path != "/v1/messages" || e.Status != http.StatusOK || !e.Forwarded || e.Sent != int64(len(s.body)) || e.Why != "" {
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
			// Never 401: git erases the credential that it had stored.
			if resp.StatusCode != http.StatusForbidden || len(l.got) != 0 || !strings.Contains(text, "placeholder") || resp.Header.Get("Www-Authenticate") != "" {
				t.Errorf("%q: %s, %s", in, resp.Status, text)
			}
			l.got = nil
			continue
		}
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%q: %s %s", in, resp.Status, text)
			continue
		}
		if got := l.last().header.Get("Authorization"); got != want {
			t.Errorf("%q: %q arrived, want %q", in, got, want)
		}
	}
}

// TestAsked: git sends its credential when it is asked for one.
func TestAsked(t *testing.T) {
	l := newLab(t, nil, generic)
	resp, text := l.do("GET", "/x", "")
	if resp.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(resp.Header.Get("Www-Authenticate"), "Basic ") || len(l.got) != 0 {
		t.Errorf("%s %s", resp.Status, text)
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
		{"no key", "POST /v1/messages", "", 403, "placeholder"},
		{"another key", "POST /v1/messages", "X-Api-Key: sk-attacker-key\r\n", 403, "no other key"},
		{"the real key", "POST /v1/messages", "X-Api-Key: " + key + "\r\n", 403, "no other key"},
		{"the placeholder in another header", "POST /v1/messages", "Authorization: Bearer " + l.b.Placeholder() + "\r\n", 403, "X-Api-Key"},
		{"two keys", "POST /v1/messages", hold + "X-Api-Key: sk-attacker-key\r\n", 403, "more than one"},
		{"two keys, the other way round", "POST /v1/messages", "X-Api-Key: sk-attacker-key\r\n" + hold, 403, "more than one"},
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
		{"websocket", "GET /v1/messages", hold + "Connection: Upgrade\r\nUpgrade: websocket\r\n", 426, "upgrades"},
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
			if text := said(t, body); !strings.HasPrefix(text, "jailed-claude broker: ") || !strings.Contains(text, c.says) {
				t.Errorf("%q, want it to say %q", text, c.says)
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

// said is what a refusal says, wherever a client looks.
func said(t *testing.T, body []byte) string {
	t.Helper()
	var e struct {
		Message, Error string
		Errors         []struct{ Detail, Message, Code string }
	}
	if err := json.Unmarshal(body, &e); err != nil || len(e.Errors) != 1 || e.Errors[0].Code == "" ||
		e.Error != e.Message || e.Errors[0].Detail != e.Message || e.Errors[0].Message != e.Message {
		t.Errorf("%v: %s", err, body)
	}
	return e.Message
}

// TestRefusalForms: agents show errors of the Anthropic API, and AWS's clients
// read XML.
func TestRefusalForms(t *testing.T) {
	at := func(host string) change {
		return func(b *network.Broker, _ *Options, _ *httptest.Server) { b.Upstream = "https://" + host }
	}
	_, text := newLab(t, nil, at("api.anthropic.com")).do("GET", "/x", "")
	var e struct {
		Type, Message string
		Error         struct{ Type, Message string }
	}
	if err := json.Unmarshal([]byte(text), &e); err != nil || e.Type != "error" || e.Error.Type != "permission_error" || e.Error.Message != e.Message {
		t.Errorf("%v: %s", err, text)
	}
	for _, path := range []string{"/x<y>&'", "/]]>", "/x%01y", "/x%EF%BF%BFy", "/x%C2%85y"} {
		resp, text := newLab(t, nil, at("s3.eu-central-1.amazonaws.com")).do("GET", path, "")
		var x struct{ Code, Message string }
		shown, _, _ := strings.Cut(path, "%")
		if err := xml.Unmarshal([]byte(text), &x); err != nil || x.Code != "AccessDenied" || !strings.Contains(x.Message, shown) || resp.Header.Get("Content-Type") != "application/xml" {
			t.Errorf("%s: %v: %s", path, err, text)
		}
	}
	for _, r := range "\x00\x1b\u0085\ufffe\uffff" {
		if got := inXML(r); got != '\ufffd' {
			t.Errorf("%U becomes %U", r, got)
		}
	}
}

// TestPaths: without a list of paths, names of npm's and GitLab's with an
// encoded slash pass as they are; dots never do.
func TestPaths(t *testing.T) {
	l := newLab(t, nil, generic)
	auth := []string{"Authorization", "Bearer " + l.b.Placeholder()}
	for _, path := range []string{"/@types%2fnode", "/", "/a/", "/a%20b", "/a;v=1", "/100%25", "/%C3%BC"} {
		if resp, text := l.do("GET", path, "", auth...); resp.StatusCode != http.StatusOK || l.last().uri != path {
			t.Errorf("%s: %s %s", path, resp.Status, text)
		}
	}
	for _, path := range []string{"/a/%2e%2e/b", "/a%2f..%2fb", "/a//b"} {
		if resp, _ := l.do("GET", path, "", auth...); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	below := newLab(t, nil, generic, func(b *network.Broker, _ *Options, _ *httptest.Server) { b.Upstream = "https://example.com/api/v4/" })
	if resp, _ := below.do("GET", "/projects?q=1", "", auth...); resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	if got := below.last().uri; got != "/api/v4/projects?q=1" {
		t.Error(got)
	}
	if resp, _ := below.do("GET", "/a%2fb", "", auth...); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("an encoded slash: %s", resp.Status)
	}
}

// TestRules: methods and paths, with a key and without, however they are
// spelled.
func TestRules(t *testing.T) {
	rules := func(b *network.Broker, _ *Options, _ *httptest.Server) {
		b.Paths, b.Allow = nil, []string{"GET /repos/**", "POST /repos/ada/site/pulls", "GET /search"}
	}
	keyless := func(b *network.Broker, o *Options, _ *httptest.Server) { b.Header, b.From, o.Key = "", "", "" }
	for name, changes := range map[string][]change{"with a key": {generic, rules}, "without": {rules, keyless}} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, nil, append(changes, http1)...)
			auth := "Authorization: Bearer " + l.b.Placeholder() + "\r\n"
			for _, c := range []struct {
				line   string
				status int
			}{
				{"GET /repos/ada/site", 200},
				{"HEAD /repos/a", 200},
				{"POST /repos/ada/site/pulls", 200},
				{"GET /search?q=POST", 200},
				{"POST /repos/ada/site/pulls?a=/../x", 200},
				{"POST /repos/ada/site", 403},
				{"POST /search", 403},
				{"DELETE /repos/ada/site", 403},
				{"GET /user", 403},
				{"GET /", 403},
				{"GET /repos", 403},
				{"PATCH /repos/ada/site/pulls", 403},
				{"post /repos/ada/site/pulls", 403},
				{"Get /repos/a", 403},
				{"GETS /repos/a", 403},
				{"OPTIONS /repos/a", 403},
				{"POST /repos/ada/site/pulls/", 403},
				{"POST /REPOS/ada/site/pulls", 403},
				{"POST /repos/ada/site/pulls;x", 403},
				{"GET /repos/../user", 400},
				{"GET /repos/%2e%2e/user", 400},
				{"GET /repos/..%2fuser", 400},
				{"GET /repos//user", 400},
				{"GET //user", 400},
				{"GET /repos/a/%2e", 400},
				{"POST /repos/ada/site/x/../pulls", 400},
				{"POST /repos/ada%2fsite/pulls", 400},
				{"GET /repos%2fada", 400},
				{"GET /repos/%252e%252e/user", 400},
				{`GET /repos/..\user`, 400},
				{"GET http://example.com/repos/x", 400},
				{"GET /repos/..;/user", 400},
				{"GET /repos/%c0%ae%c0%ae/user", 400},
				{"GET /repos/a%00", 400},
			} {
				answer := l.raw(c.line + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Http-Method-Override: DELETE\r\nX-HTTP-Method: DELETE\r\nX_Method_Override: DELETE\r\nX-Original-URL: /user\r\n" + auth + "\r\n")
				if !strings.HasPrefix(answer, fmt.Sprintf("HTTP/1.1 %d ", c.status)) {
					t.Errorf("%s: %.200q, want %d", c.line, answer, c.status)
				}
				if c.status == 403 && !strings.Contains(answer, "POST /repos/ada/site/pulls, GET /search") {
					t.Errorf("%s: it does not say what is allowed: %q", c.line, answer)
				}
				if e := l.event(); e.Forwarded != (c.status == 200) || e.Status != c.status || !e.Forwarded && e.Why == "" {
					t.Errorf("%s: %+v", c.line, e)
				}
				if c.status != 200 {
					if len(l.got) != 0 {
						t.Fatalf("%s: the service got %+v", c.line, l.got)
					}
					continue
				}
				s := l.last()
				for _, h := range []string{"X-Http-Method-Override", "X-Http-Method", "X_Method_Override", "X-Original-Url"} {
					if s.header.Get(h) != "" || len(s.header[h]) > 0 {
						t.Errorf("%s arrived", h)
					}
				}
			}
		})
	}
	// Where every path is allowed, no spelling of one is another.
	all := newLab(t, nil, generic, func(b *network.Broker, _ *Options, _ *httptest.Server) { b.Allow = []string{"GET /**", "POST /a"} })
	auth := []string{"Authorization", "Bearer " + all.b.Placeholder()}
	for path, want := range map[string]int{"GET /@types%2fnode": 200, "POST /%61": 200, "POST /a%2fb": 400, "POST /b": 403} {
		method, path, _ := strings.Cut(path, " ")
		if resp, text := all.do(method, path, "", auth...); resp.StatusCode != want {
			t.Errorf("%s %s: %s %s", method, path, resp.Status, text)
		}
	}
}

// TestWithoutKey: credentials and cookies of the jail's own pass, for there is
// nothing to keep.
func TestWithoutKey(t *testing.T) {
	l := newLab(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("Alt-Svc", "h3=:443")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, "pretend this is gzip")
	}, func(b *network.Broker, o *Options, _ *httptest.Server) {
		b.Header, b.From, o.Key, b.Paths, b.Allow = "", "", "", nil, []string{"GET /**"}
	})
	resp, text := l.do("GET", "/x", "", "Authorization", "Bearer mine", "Cookie", "c=d", "Range", "bytes=1-2", "Accept-Encoding", "gzip")
	s := l.last()
	if h := s.header; h.Get("Authorization") != "Bearer mine" || h.Get("Cookie") != "c=d" || h.Get("Range") == "" || h.Get("Accept-Encoding") != "gzip" {
		t.Errorf("%v", h)
	}
	if text != "pretend this is gzip" || resp.Header.Get("Set-Cookie") == "" || resp.Header.Get("Alt-Svc") != "" || resp.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("%s, %v", text, resp.Header)
	}
}
