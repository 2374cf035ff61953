package proxy

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// field is a header.
type field struct{ name, value string }

func (f field) is(name string) bool { return strings.EqualFold(f.name, name) }

// parseField reads a line (RFC 9112, 5). Lines that go on with a space, and
// names that end in one, are how requests are smuggled: they are errors.
func parseField(line string) (field, error) {
	name, value, ok := strings.Cut(line, ":")
	if !ok || !isToken(name) {
		return field{}, fmt.Errorf("%w: a line of its head is no header", errProtocol)
	}
	for i := range len(value) {
		if value[i] < ' ' && value[i] != '\t' || value[i] == 0x7f {
			return field{}, fmt.Errorf("%w: header %s has control characters", errProtocol, name)
		}
	}
	return field{name, strings.Trim(value, " \t")}, nil
}

// isToken: RFC 9110, 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// hop are headers between a client and its proxy, which end here (RFC 9110,
// 7.6.1), beside those that begin with "Proxy-". Connection is written anew.
var hop = []string{"Connection", "Keep-Alive", "TE", "Upgrade", "HTTP2-Settings"}

// framing are headers that both ends must see: they are no hop's.
var framing = []string{"Host", "Content-Length", "Transfer-Encoding"}

// rewrite is the head for the target: the first line start, Host, what is left
// of fields, and that the connection ends with the answer.
func (r *Request) rewrite(start string, fields []field) ([]byte, error) {
	drop := hop
	count := map[string]int{}
	for _, f := range fields {
		for _, name := range framing {
			if f.is(name) {
				count[name]++
			}
		}
		if f.is("Host") {
			// The target may serve many hosts, and this one was asked for.
			if host, port, err := target(f.value, httpPort); err != nil || !strings.EqualFold(host, r.Host) || port != r.Port {
				return nil, fmt.Errorf("%w: header Host is not the URL's %q", errProtocol, r.authority())
			}
		}
		if f.is("Connection") {
			for name := range strings.SplitSeq(f.value, ",") {
				drop = append(slices.Clip(drop), strings.Trim(name, " \t"))
			}
		}
	}
	if count["Host"] > 1 || count["Content-Length"] > 1 || count["Transfer-Encoding"] > 1 || count["Content-Length"] > 0 && count["Transfer-Encoding"] > 0 {
		return nil, fmt.Errorf("%w: it says more than once where it goes or ends", errProtocol)
	}
	var b strings.Builder
	line := func(parts ...string) { b.WriteString(strings.Join(append(parts, "\r\n"), "")) }
	line(start)
	line("Host: ", r.authority())
	for _, f := range fields {
		if f.is("Host") || len(f.name) >= 6 && strings.EqualFold(f.name[:6], "Proxy-") || oneOf(f, drop) && !oneOf(f, framing) {
			continue
		}
		line(f.name, ": ", f.value)
	}
	line("Connection: close")
	line()
	return []byte(b.String()), nil
}

func oneOf(f field, names []string) bool {
	return slices.ContainsFunc(names, f.is)
}

// authority is the target as header Host has it.
func (r *Request) authority() string {
	a := net.JoinHostPort(r.Host, strconv.Itoa(int(r.Port)))
	if r.Port == httpPort {
		a = strings.TrimSuffix(a, ":80")
	}
	return a
}
