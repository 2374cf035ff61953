package keys

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// answers have the service show what it was sent: every place of an answer in
// which a key could come back.
func answers() []attack.Attack {
	var all []attack.Attack
	add := func(name, source string, run func(*attack.Env) attack.Result, judge func(attack.Witness, attack.Result) attack.Result) {
		all = append(all, attack.Attack{Name: name, Source: source, Success: "the key is in an answer of the service", Run: run, Judge: judge})
	}
	for _, k := range kinds {
		name := "key-in-" + k.name
		more := k.more + nameHeader + ": " + name + "\r\n"
		var judge func(attack.Witness, attack.Result) attack.Result
		if k.arrives {
			judge = arrives(name)
		}
		add(name, k.source, at(plain, func(e *attack.Env, s service) attack.Result {
			got, err := exchange(s.host, s.request("GET", "/allowed/answer/"+k.name, more))
			return unlessShown(e, got, err)
		}), judge)
	}
	add("key-in-basic", "RFC 7617: a page that shows the header", at(plain, func(e *attack.Env, s service) attack.Result {
		basic := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("ada:"+s.placeholder())) + "\r\n"
		got, err := exchange(s.host, "GET /allowed/answer/body HTTP/1.1\r\nHost: "+s.host+"\r\n"+basic+"Connection: close\r\n\r\n")
		return unlessShown(e, got, err)
	}), nil)
	add("key-in-ranges", "RFC 9110, 14.2: half of it in each of two answers", at(plain, func(e *attack.Env, s service) attack.Result {
		var both []byte
		for _, r := range []string{"bytes=0-29", "bytes=30-"} {
			got, err := exchange(s.host, s.request("GET", "/allowed/answer/range", "Range: "+r+"\r\n"))
			if err != nil {
				return unlessShown(e, got, err)
			}
			_, body, _ := bytes.Cut(got, []byte("\r\n\r\n"))
			both = append(both, body...)
		}
		return unlessShown(e, both, nil)
	}), nil)
	add("key-in-refreshed-login", "the access token of a login", at(login, func(e *attack.Env, s service) attack.Result {
		got, err := exchange(s.host, s.request("GET", "/allowed/answer/body", ""))
		return unlessShown(e, got, err)
	}), nil)
	add("key-in-http2", "RFC 9113", at(plain, func(e *attack.Env, s service) attack.Result {
		got, err := exchange2(s, field{":path", "/allowed/answer/header"})
		return unlessShown(e, got, err)
	}), nil)
	return all
}

func unlessShown(e *attack.Env, got []byte, err error) attack.Result {
	if leaks(e, got) {
		return attack.Through("the key is in the answer")
	}
	return answered(got, err)
}

// kind is a way to answer with the key.
type kind struct {
	name, source string
	// more are headers of the request.
	more string
	// arrives: the service notes whether something came after its answer.
	arrives bool
	// text is the whole answer. Basic credentials come as they are, others without
	// their scheme.
	text func(key, upstream string) string
}

const (
	ok      = "HTTP/1.1 200 OK\r\nConnection: close\r\n"
	chunked = ok + "Transfer-Encoding: chunked\r\n"
)

var kinds = []kind{
	{name: "body", source: "httpbin.org/headers", text: func(k, _ string) string { return ok + "\r\n" + k }},
	{name: "header", source: "a proxy that shows headers", text: func(k, _ string) string { return ok + "X-You-Sent: " + k + "\r\nContent-Length: 0\r\n\r\n" }},
	{name: "header-name", source: "RFC 9110, 5.1", text: func(k, _ string) string { return ok + k + ": x\r\nContent-Length: 0\r\n\r\n" }},
	{name: "content-type", source: "RFC 9110, 8.3", text: func(k, _ string) string {
		return ok + "Content-Type: text/plain; key=" + k + "\r\nContent-Length: 0\r\n\r\n"
	}},
	{name: "trailer", source: "RFC 9110, 6.5", text: func(k, _ string) string {
		return chunked + "Trailer: X-Key\r\n\r\n2\r\nhi\r\n0\r\nX-Key: " + k + "\r\n\r\n"
	}},
	{name: "chunks", source: "RFC 9112, 7.1: one byte a chunk", text: func(k, _ string) string {
		return chunked + "\r\n1\r\n" + strings.Join(strings.Split(k, ""), "\r\n1\r\n") + "\r\n0\r\n\r\n"
	}},
	{name: "chunk-extension", source: "RFC 9112, 7.1.1", text: func(k, _ string) string { return chunked + "\r\n2;key=" + k + "\r\nhi\r\n0\r\n\r\n" }},
	{name: "compressed-body", source: "RFC 9110, 8.4", more: "Accept-Encoding: gzip\r\n", text: func(k, _ string) string {
		return ok + "Content-Encoding: gzip\r\n\r\n" + compressed(k)
	}},
	{name: "error", source: "an error page that shows the request", text: func(k, _ string) string {
		return "HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\n\r\n{\"error\": \"bad key " + k + "\"}"
	}},
	{name: "refusal", source: "RFC 9110, 11.6.1", text: func(k, _ string) string {
		return "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nWWW-Authenticate: Bearer realm=\"" + k + "\"\r\nContent-Length: 0\r\n\r\n"
	}},
	{name: "reason", source: "RFC 9112, 4", text: func(k, _ string) string {
		return "HTTP/1.1 200 " + k + "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
	}},
	{name: "cookie", source: "a session that is made with the key", text: func(k, _ string) string {
		return ok + "Set-Cookie: session=" + k + "; Path=/\r\nContent-Length: 0\r\n\r\n"
	}},
	{name: "early-hints", source: "RFC 8297", text: func(k, _ string) string {
		return "HTTP/1.1 103 Early Hints\r\nLink: <https://" + k + ">\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n"
	}},
	{name: "malformed-answer", source: "error texts of net/http", text: func(k, _ string) string { return "HTTP/" + k + "\r\n\r\n" }},
	{name: "malformed-header", source: "error texts of net/textproto", text: func(k, _ string) string { return ok + k + "\r\n\r\n" }},
	{name: "malformed-length", source: "error texts of net/http", text: func(k, _ string) string { return ok + "Content-Length: " + k + "\r\n\r\n" }},
	{name: "upgrade", source: "RFC 9110, 7.8", more: "Connection: Upgrade\r\nUpgrade: websocket\r\n", text: switched},
	{name: "unasked-upgrade", source: "RFC 9110, 7.8", text: switched},
	{name: "location", source: "RFC 9110, 10.2.2", text: func(k, up string) string {
		return "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: https://" + up + "/?key=" + k + "\r\nContent-Length: 0\r\n\r\n"
	}},
	{name: "redirect", source: "a redirect to another host: claude-code changelog", arrives: true, text: func(_, up string) string {
		return "HTTP/1.1 307 Temporary Redirect\r\nConnection: close\r\nLocation: https://" + up + hidden("key-in-redirect") + "\r\nContent-Length: 0\r\n\r\n"
	}},
}

func switched(key, _ string) string {
	return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + key
}

// rangeOf is what a service makes of a range, as far as these attacks ask.
func rangeOf(h http.Header, key string) string {
	switch h.Get("Range") {
	case "bytes=0-29":
		return "HTTP/1.1 206 Partial Content\r\nConnection: close\r\nContent-Range: bytes 0-29/*\r\n\r\n" + key[:30]
	case "bytes=30-":
		return "HTTP/1.1 206 Partial Content\r\nConnection: close\r\nContent-Range: bytes 30-99/*\r\n\r\n" + key[30:]
	}
	return ok + "\r\n" + key
}
