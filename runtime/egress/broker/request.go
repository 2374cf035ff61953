package broker

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
)

// refusal is an answer of the broker's own.
type refusal struct {
	status int
	text   string
	// why is for the log alone; empty is text.
	why string
}

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status: status, text: fmt.Sprintf(format, args...)}
}

// forward is a request as it is sent on, and what must not come back.
type forward struct {
	*http.Request
	sent   *counter // nil without a body
	redact *redactor
}

// prepare makes of a request from the jail what is sent on. The request itself
// is not changed.
func (b *Broker) prepare(r *http.Request) (*forward, *refusal) {
	switch {
	case r.ProtoMajor != 1:
		return nil, refuse(http.StatusHTTPVersionNotSupported, "it speaks HTTP/1.1")
	case r.Method == http.MethodConnect:
		return nil, refuse(http.StatusMethodNotAllowed, "it is no proxy: CONNECT is refused")
	case r.Method == http.MethodTrace:
		return nil, refuse(http.StatusMethodNotAllowed, "TRACE is refused")
	}
	for _, u := range fields(r.Header, "Upgrade") {
		// Some clients offer HTTP/2 that way, and are content with no answer.
		if !strings.EqualFold(u, "h2c") {
			return nil, refuse(http.StatusNotImplemented, "upgrades (websocket) are refused")
		}
	}
	target, no := b.target(r)
	if no != nil {
		return nil, no
	}
	values := r.Header.Values(b.Header)
	if len(values) > 1 {
		return nil, refuse(http.StatusUnauthorized, "there is more than one header %s", b.Header)
	}
	value, secrets, ok := b.place(r.Header.Get(b.Header))
	if !ok {
		return nil, refuse(http.StatusUnauthorized,
			"the header %s does not hold its placeholder. This broker takes no other key: the real one is added outside of the jail, in the place of %q", b.Header, b.Placeholder())
	}
	out := (&http.Request{Method: r.Method, URL: target, Host: b.upstream.Host, Header: b.headers(r.Header)}).WithContext(r.Context())
	out.Header.Set(b.Header, value)
	f := &forward{Request: out, redact: newRedactor(secrets)}
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
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n.Add(int64(n))
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
	if (len(b.Paths) > 0 || strings.Trim(b.upstream.Path, "/") != "") && (strings.Contains(lower, "%2f") || strings.Contains(path, "%")) {
		return nil, refuse(http.StatusBadRequest, "the path %q is refused: it has an encoded slash or percent sign, and this broker passes on only some paths", clip(raw))
	}
	if !b.Allows(path) {
		return nil, refuse(http.StatusForbidden, "the path %q is not among those that this broker passes on: %s", clip(path), strings.Join(b.Paths, " "))
	}
	u := *b.upstream
	u.Path = strings.TrimSuffix(b.upstream.Path, "/") + path
	u.RawPath = strings.TrimSuffix(b.upstream.EscapedPath(), "/") + raw
	u.RawQuery, u.ForceQuery = r.URL.RawQuery, r.URL.ForceQuery
	return &u, nil
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

// basicUser is the longest user name beside a placeholder. Keys of services
// that also look for one in the name (GitHub) are longer.
const basicUser = 39

// oauthBasic stands beside a token that is the user name, by GitHub's custom.
const oauthBasic = "x-oauth-basic"

// place puts the key in the placeholder's place in the value of a header:
// alone, behind a scheme ("Bearer", "token"), or in the base64 of "Basic" (RFC
// 7617), as the password, or as the name without one. ok is false for anything
// else: the rest of such a value would be the sender's own key. secrets are
// what the service gets to know.
func (b *Broker) place(value string) (out string, secrets []string, ok bool) {
	if value == b.Placeholder() {
		return b.key, []string{b.key}, true
	}
	scheme, rest, found := strings.Cut(value, " ")
	if !found || scheme == "" || strings.ContainsAny(scheme, ",;=\"\t") {
		return "", nil, false
	}
	rest = strings.TrimLeft(rest, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return scheme + " " + b.key, []string{b.key}, rest == b.Placeholder()
	}
	text, err := base64.StdEncoding.DecodeString(rest)
	if err != nil {
		return "", nil, false
	}
	user, password, pair := strings.Cut(string(text), ":")
	switch {
	case user == b.Placeholder() && !pair:
		user = b.key
	case user == b.Placeholder() && slices.Contains([]string{"", oauthBasic, user}, password):
		user, password = b.key, strings.ReplaceAll(password, b.Placeholder(), b.key)
	case password == b.Placeholder() && len(user) <= basicUser:
		password = b.key
	default:
		return "", nil, false
	}
	if pair {
		user += ":" + password
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(user))
	return scheme + " " + encoded, []string{b.key, encoded}, true
}

// hopByHop are of one connection (RFC 9110, 7.6.1), besides what "Connection"
// names.
var hopByHop = []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// dropped are not sent on: other ways to say who asks or what for, so that only
// the broker's header and the checked path count; what would bring an answer in
// pieces or encoded, where the key is not found; and what the broker's own
// server has done already.
var dropped = []string{
	"Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key", "Api-Key", "X-Auth-Token", "Private-Token", "Job-Token", "Deploy-Token",
	"X-Original-Url", "X-Original-Uri", "X-Rewrite-Url", "Forwarded", "Via",
	"Accept-Encoding", "Range", "If-Range", "Expect", "Host", "Content-Length",
}

// headers are what is sent on of the jail's.
func (b *Broker) headers(from http.Header) http.Header {
	to := http.Header{}
	connection := fields(from, "Connection")
	for name, values := range from {
		// Some servers take an underscore for a dash.
		plain := textproto.CanonicalMIMEHeaderKey(strings.ReplaceAll(name, "_", "-"))
		if slices.Contains(hopByHop, plain) || slices.Contains(dropped, plain) || strings.HasPrefix(plain, "X-Forwarded-") ||
			strings.EqualFold(plain, strings.ReplaceAll(b.Header, "_", "-")) ||
			slices.ContainsFunc(connection, func(c string) bool { return strings.EqualFold(c, name) }) {
			continue
		}
		to[name] = slices.Clone(values)
	}
	to.Set("Accept-Encoding", "identity")
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
