package proxy

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// errProtocol is wrapped by the error of Read for what is no request, or one
// of a kind that is not served.
var errProtocol = errors.New("not a proxy request that is served here")

// handshakeTime is how long a client may take for its request, and for taking
// the answer.
const handshakeTime = 10 * time.Second

// Request is what a client asked for. It is answered with one of Accept,
// Refuse and Fail.
type Request struct {
	// Host is the target as it was asked for: a name, in whatever case, or an
	// IP address without brackets. It has no control character, no space and no
	// zone; nobody has checked that it is a host name.
	Host string
	// Port is never 0.
	Port uint16
	// Raw is what the target gets first: for a plain HTTP request its head,
	// rewritten for the target; and what the client sent before it was
	// answered.
	Raw []byte

	conn  net.Conn
	proto protocol
}

// protocol is how a client asks.
type protocol int

const (
	socks protocol = iota
	connect
	plain
)

// Read reads one request from c. It reads at most some 64 KiB, and sets c's
// deadlines while it works: none is set when it returns. A client whose request
// is wrong was told so before the error is returned. c stays open.
func Read(c net.Conn) (*Request, error) {
	if err := c.SetDeadline(time.Now().Add(handshakeTime)); err != nil {
		return nil, err
	}
	defer func() { _ = c.SetDeadline(time.Time{}) }()
	var first [1]byte
	if _, err := c.Read(first[:]); err != nil {
		return nil, fmt.Errorf("read a proxy request: %w", err)
	}
	switch b := first[0]; {
	case b == socksVersion:
		return readSOCKS(c)
	case 'A' <= b && b <= 'Z':
		return readHTTP(c, b)
	default:
		return nil, fmt.Errorf("%w: it begins with byte %#02x", errProtocol, b)
	}
}

// Accept tells the client that it is connected. With plain HTTP the target's
// answer says that.
func (r *Request) Accept() error {
	switch r.proto {
	case socks:
		return r.send(socksReply(socksOK))
	case connect:
		return r.send([]byte("HTTP/1.1 200 Connection established\r\n\r\n"))
	default:
		return nil
	}
}

// Refuse tells the client that the policy does not allow it, and why.
func (r *Request) Refuse(why string) error {
	if r.proto == socks {
		return r.send(socksReply(socksNotAllowed))
	}
	return r.send(httpError("403 Forbidden", why))
}

// Fail tells the client that the target cannot be reached, and why.
func (r *Request) Fail(why string) error {
	if r.proto == socks {
		return r.send(socksReply(socksUnreachable))
	}
	return r.send(httpError("502 Bad Gateway", why))
}

func (r *Request) send(b []byte) error { return send(r.conn, b) }

func send(c net.Conn, b []byte) error {
	if err := c.SetWriteDeadline(time.Now().Add(handshakeTime)); err != nil {
		return err
	}
	_, err := c.Write(b)
	return errors.Join(err, c.SetWriteDeadline(time.Time{}))
}

// target splits an authority (RFC 3986, 3.2, without a user). Port 0 stands
// for one that must be there.
func target(authority string, port uint16) (string, uint16, error) {
	bad := fmt.Errorf("%w: its target is not HOST:PORT", errProtocol) // it may have a password in it
	host, digits, hasPort := authority, "", false
	bracket := strings.LastIndexByte(authority, ']')
	if i := strings.LastIndexByte(authority, ':'); i > bracket {
		host, digits, hasPort = authority[:i], authority[i+1:], true
	}
	if hasPort {
		n, err := strconv.ParseUint(digits, 10, 16)
		if err != nil {
			return "", 0, bad
		}
		port = uint16(n)
	}
	if port == 0 {
		return "", 0, bad
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		a, err := netip.ParseAddr(inner)
		if !ok || err != nil || !a.Is6() || a.Zone() != "" {
			return "", 0, bad
		}
		return inner, port, nil
	}
	if !isHost(host) {
		return "", 0, bad
	}
	return host, port, nil
}

// isHost: nothing in it means something to a URL, a header or a program in C.
func isHost(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f || strings.IndexByte(`"#%/:<>?@[\]^`+"`{|}", s[i]) >= 0 {
			return false
		}
	}
	return s != "" && len(s) <= 255
}
