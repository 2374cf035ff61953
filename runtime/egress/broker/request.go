package broker

import (
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// forward is a request as it is sent on, and what must not come back.
type forward struct {
	*http.Request
	sent *counter // nil without a body
	// redact has no secrets where the request has no key.
	redact *redactor
	// upgrade is the protocol that the request wants to change to, or empty.
	upgrade string
}

// prepare makes of a request from the jail what is sent on. The request itself
// is not changed.
func (b *Broker) prepare(r *http.Request) (*forward, *refusal) {
	switch {
	case r.ProtoMajor != 1 && !byName(r):
		return nil, refuse(http.StatusHTTPVersionNotSupported, "it speaks HTTP/1.1")
	case b.misdirected(r):
		return nil, refuse(http.StatusMisdirectedRequest, "this connection is to %s: the request is for %q", b.Host, clip(r.Host))
	case r.Method == http.MethodConnect:
		return nil, refuse(http.StatusMethodNotAllowed, "it is no proxy: CONNECT is refused")
	case r.Method == http.MethodTrace:
		return nil, refuse(http.StatusMethodNotAllowed, "TRACE is refused")
	}
	upgrade, no := b.upgrades(r)
	if no != nil {
		return nil, no
	}
	target, no := b.target(r)
	if no != nil {
		return nil, no
	}
	if b.Signs() {
		return b.resigned(r, target)
	}
	value, secrets, no := b.credential(r)
	if no != nil {
		return nil, no
	}
	out := (&http.Request{Method: r.Method, URL: target, Host: b.upstream.Host, Header: b.headers(r, len(secrets) > 0)}).WithContext(r.Context())
	if len(secrets) > 0 {
		out.Header.Set(b.Header, value)
	}
	if upgrade != "" {
		out.Header.Set("Connection", "Upgrade")
		out.Header.Set("Upgrade", upgrade)
		// Or the key could not be seen in what comes back.
		out.Header.Del("Sec-Websocket-Extensions")
	}
	f := &forward{Request: out, redact: newRedactor(secrets), upgrade: upgrade}
	if r.ContentLength != 0 {
		f.sent = &counter{ReadCloser: r.Body}
		out.Body, out.ContentLength = f.sent, r.ContentLength
	}
	return f, nil
}

// counter counts what is read. net/http may read it from another goroutine.
type counter struct {
	io.ReadCloser
	n atomic.Int64
	// malformed: the jail sent what is no body.
	malformed atomic.Bool
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n.Add(int64(n))
	if err != nil && !errors.Is(err, io.EOF) {
		c.malformed.Store(true)
	}
	return n, err
}

// target is where a request goes, if its path is allowed. A path that two
// programs could read in different ways is refused, so that none gets round
// what is allowed.
func (b *Broker) target(r *http.Request) (*url.URL, *refusal) {
	raw, _, _ := strings.Cut(r.RequestURI, "?")
	if r.URL.Host != "" || r.URL.Opaque != "" || !strings.HasPrefix(raw, "/") {
		return nil, refuse(http.StatusBadRequest, "the request is for %q: it is no proxy, write the path alone", clip(raw))
	}
	path, err := url.PathUnescape(raw)
	if err != nil || odd(path) {
		return nil, refuse(http.StatusBadRequest, "the path %q is refused: it has empty or dotted parts, or characters that do not belong there", clip(raw))
	}
	lower := strings.ToLower(raw)
	// Some servers decode these before they look for slashes, others after.
	unclear := strings.Contains(lower, "%2f") || strings.Contains(path, "%")
	if unclear && (len(b.Paths) > 0 || strings.Trim(b.upstream.Path, "/") != "" || len(b.rules) > 0 && !b.allowsAll(r.Method)) {
		return nil, refuse(http.StatusBadRequest, "the path %q is refused: it has an encoded slash or percent sign, and this broker passes on only some paths", clip(raw))
	}
	if !b.Allows(path) {
		return nil, refuse(http.StatusForbidden, "the path %q is not among those that this broker passes on: %s", clip(path), strings.Join(b.Paths, " "))
	}
	if len(b.rules) > 0 && !slices.ContainsFunc(b.rules, func(rule network.RequestRule) bool { return rule.Allows(r.Method, path) }) {
		return nil, refuse(http.StatusForbidden, "%s %s is not among the requests that broker %q allows: %s", clip(r.Method), clip(path), b.Name, strings.Join(b.Allow, ", "))
	}
	u := *b.upstream
	if b.Below() != "" {
		u.Host, _ = askedFor(r) // one of its hosts
	}
	u.Path = strings.TrimSuffix(b.upstream.Path, "/") + path
	u.RawPath = strings.TrimSuffix(b.upstream.EscapedPath(), "/") + raw
	u.RawQuery, u.ForceQuery = r.URL.RawQuery, r.URL.ForceQuery
	return &u, nil
}

// allowsAll: a rule is of this method with whatever path.
func (b *Broker) allowsAll(method string) bool {
	return slices.ContainsFunc(b.rules, func(rule network.RequestRule) bool { return rule.AllowsAll(method) })
}

// odd: a decoded path that is not in its shortest form, or that a server may
// shorten (";" begins a part's parameters, "\" is a slash to some).
func odd(path string) bool {
	if strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' || r == '#' || r == 0xfffd }) {
		return true
	}
	parts := strings.Split(path[1:], "/")
	for i, part := range parts {
		name, _, parameters := strings.Cut(part, ";")
		// What a server that decodes twice would see.
		name = strings.ReplaceAll(strings.ToLower(name), "%2e", ".")
		if name == "." || name == ".." || name == "" && (parameters || i < len(parts)-1) {
			return true
		}
	}
	return false
}

// clip bounds what is repeated of a request.
func clip(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}

// hopByHop are of one connection (RFC 9110, 7.6.1), besides what "Connection"
// names.
var hopByHop = []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// Headers that are not sent on.
var (
	// dropped never are: other ways to say what a request is for and how, so
	// that only its own line counts, and what the broker's server has done.
	dropped = []string{
		"X-Original-Url", "X-Original-Uri", "X-Rewrite-Url", "X-Original-Method", "X-Http-Method", "X-Http-Method-Override", "X-Method-Override",
		"Forwarded", "Via", "Expect", "Host", "Content-Length",
	}
	// credentials are other ways to say who asks.
	credentials = []string{
		"Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key", "Api-Key", "X-Auth-Token", "Private-Token", "Job-Token", "Deploy-Token",
	}
	// partial would bring an answer in pieces or encoded, where the key is not
	// found.
	partial = []string{"Accept-Encoding", "Range", "If-Range"}
)

// headers are what is sent on of the jail's. secret: the request gets a key.
func (b *Broker) headers(r *http.Request, secret bool) http.Header {
	to, not := http.Header{}, slices.Concat(hopByHop, dropped)
	if b.keyed() {
		not = append(not, credentials...)
	}
	if secret {
		not = append(not, partial...)
	}
	connection := fields(r.Header, "Connection")
	for name, values := range r.Header {
		// Some servers take an underscore for a dash.
		plain := textproto.CanonicalMIMEHeaderKey(strings.ReplaceAll(name, "_", "-"))
		if slices.Contains(not, plain) || strings.HasPrefix(plain, "X-Forwarded-") ||
			b.keyed() && strings.EqualFold(plain, strings.ReplaceAll(b.Header, "_", "-")) ||
			slices.ContainsFunc(connection, func(c string) bool { return strings.EqualFold(c, name) }) {
			continue
		}
		to[name] = slices.Clone(values)
	}
	if secret {
		to.Set("Accept-Encoding", "identity")
	}
	if r.ProtoMajor == 2 && slices.Contains(fields(r.Header, "Te"), "trailers") {
		to.Set("Te", "trailers") // gRPC's servers insist on it
	}
	if _, ok := to["User-Agent"]; !ok {
		to["User-Agent"] = nil // or net/http sends its own
	}
	return to
}

// fields are the elements of a header that is a list.
func fields(h http.Header, name string) []string {
	var all []string
	for _, value := range h.Values(name) {
		for f := range strings.SplitSeq(value, ",") {
			if f = strings.TrimSpace(f); f != "" {
				all = append(all, f)
			}
		}
	}
	return all
}
