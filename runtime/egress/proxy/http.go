package proxy

import (
	"bytes"
	"fmt"
	"net"
	"strings"
)

const (
	// maxHead and maxLine bound the head of a request, maxHeaders its lines.
	maxHead    = 64 << 10
	maxLine    = 16 << 10
	maxHeaders = 200

	httpPort = 80
)

// httpError is an answer that ends the connection.
func httpError(status, why string) []byte {
	body := "jailed-claude: " + why + "\n"
	return fmt.Appendf(nil, "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, len(body), body)
}

// readHTTP reads the rest of a request that begins with a letter.
func readHTTP(c net.Conn, first byte) (*Request, error) {
	h := head{conn: c, buf: []byte{first}}
	r, err := h.request()
	if h.broken != nil {
		return nil, h.broken
	}
	if err != nil {
		_ = send(c, httpError("400 Bad Request", err.Error())) // the first error counts
		return nil, err
	}
	r.conn = c
	return r, nil
}

// head reads lines.
type head struct {
	conn net.Conn
	buf  []byte
	at   int // what was returned
	// broken is the connection's error: there is nobody to tell.
	broken error
}

// line is the next line, without its CR LF.
func (h *head) line() (string, error) {
	for seen := h.at; ; {
		if i := bytes.IndexByte(h.buf[seen:], '\n'); i >= 0 {
			line := h.buf[h.at : seen+i]
			h.at = seen + i + 1
			text, ok := strings.CutSuffix(string(line), "\r")
			if !ok || len(text) > maxLine {
				return "", fmt.Errorf("%w: a line of its head does not end in CR LF, or is longer than %d bytes", errProtocol, maxLine)
			}
			return text, nil
		}
		seen = len(h.buf)
		if seen >= maxHead {
			return "", fmt.Errorf("%w: its head is longer than %d bytes", errProtocol, maxHead)
		}
		chunk := make([]byte, min(4096, maxHead-seen))
		n, err := h.conn.Read(chunk)
		h.buf = append(h.buf, chunk[:n]...)
		if err != nil && n == 0 {
			h.broken = fmt.Errorf("read a proxy request: %w", err)
			return "", h.broken
		}
	}
}

// request reads a head up to its empty line.
func (h *head) request() (*Request, error) {
	start, err := h.line()
	if err != nil {
		return nil, err
	}
	method, rest, _ := strings.Cut(start, " ")
	uri, version, ok := strings.Cut(rest, " ")
	if !ok || !isToken(method) || version != "HTTP/1.1" && version != "HTTP/1.0" || !isURI(uri) {
		return nil, fmt.Errorf("%w: its first line is not that of HTTP/1.1", errProtocol)
	}
	var fields []field
	for {
		line, err := h.line()
		if err != nil {
			return nil, err
		}
		if line == "" {
			break
		}
		f, err := parseField(line)
		if err != nil {
			return nil, err
		}
		if fields = append(fields, f); len(fields) > maxHeaders {
			return nil, fmt.Errorf("%w: more than %d headers", errProtocol, maxHeaders)
		}
	}
	early := h.buf[h.at:]
	if method != "CONNECT" {
		r, start, err := absolute(method, uri, version)
		if err != nil {
			return nil, err
		}
		r.Raw, err = r.rewrite(start, fields)
		r.Raw = append(r.Raw, early...)
		return r, err
	}
	host, port, err := target(uri, 0)
	if err != nil {
		return nil, err
	}
	return &Request{Host: host, Port: port, Raw: early, proto: connect}, nil
}

// absolute takes a first line apart, and returns the one for the target.
func absolute(method, uri, version string) (*Request, string, error) {
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok {
		return nil, "", fmt.Errorf("%w: this is a proxy, and the URL names no host", errProtocol)
	}
	if !strings.EqualFold(scheme, "http") {
		return nil, "", fmt.Errorf("%w: for a URL of scheme %q use CONNECT", errProtocol, scheme)
	}
	authority, path := rest, ""
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	host, port, err := target(authority, httpPort)
	if err != nil {
		return nil, "", err
	}
	switch {
	case path == "" && method == "OPTIONS": // RFC 9112, 3.2.4
		path = "*"
	case !strings.HasPrefix(path, "/"):
		path = "/" + path
	}
	return &Request{Host: host, Port: port, proto: plain}, method + " " + path + " " + version, nil
}

// isURI: what can stand between two spaces. Bytes beyond ASCII should not be
// there, and are, and do no harm.
func isURI(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f || s[i] == '#' {
			return false
		}
	}
	return s != ""
}
