package proxy

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// wire is a connection whose client has said everything already.
type wire struct {
	net.Conn
	in       io.Reader
	out      strings.Builder
	deadline time.Time
	writing  time.Time
}

func (w *wire) Read(b []byte) (int, error)         { return w.in.Read(b) }
func (w *wire) Write(b []byte) (int, error)        { return w.out.Write(b) }
func (w *wire) SetDeadline(t time.Time) error      { w.deadline, w.writing = t, t; return nil }
func (w *wire) SetWriteDeadline(t time.Time) error { w.writing = t; return nil }

// in16 is a port on the wire.
func in16(n int) string { return string([]byte{byte(n >> 8), byte(n)}) }

func socksTo(address string, port int) string {
	return "\x05\x01\x00\x05\x01\x00" + address + in16(port)
}

func socksName5(name string) string { return "\x03" + string([]byte{byte(len(name))}) + name }

const (
	noAuth = "\x05\x00"
	tail   = "\x00\x01\x00\x00\x00\x00\x00\x00"
)

// TestRead: what is understood, whole and in pieces.
func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		in    string
		host  string
		port  uint16
		raw   string
		proto protocol
	}{
		"SOCKS name":         {socksTo(socksName5("Example.com"), 443), "Example.com", 443, "", socks},
		"SOCKS IPv4":         {socksTo("\x01\x01\x02\x03\x04", 80), "1.2.3.4", 80, "", socks},
		"SOCKS IPv6":         {socksTo("\x04"+strings.Repeat("\x00", 15)+"\x01", 65535), "::1", 65535, "", socks},
		"SOCKS mapped":       {socksTo("\x04"+strings.Repeat("\x00", 10)+"\xff\xff\x7f\x00\x00\x01", 1), "::ffff:127.0.0.1", 1, "", socks},
		"SOCKS address name": {socksTo(socksName5("127.0.0.1"), 1), "127.0.0.1", 1, "", socks},
		"SOCKS IPv6 name":    {socksTo(socksName5("fd00::1"), 1), "fd00::1", 1, "", socks},
		"SOCKS longest name": {socksTo(socksName5(strings.Repeat("a", 255)), 1), strings.Repeat("a", 255), 1, "", socks},
		"SOCKS more methods": {"\x05\x03\x02\x01\x00\x05\x01\x00\x01\x01\x02\x03\x04\x00\x50", "1.2.3.4", 80, "", socks},
		"CONNECT":            {"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", "example.com", 443, "", connect},
		"CONNECT, early":     {"CONNECT example.com:443 HTTP/1.1\r\n\r\n\x16\x03\x01\r\n\r\n", "example.com", 443, "\x16\x03\x01\r\n\r\n", connect},
		"CONNECT 1.0":        {"CONNECT example.com:22 HTTP/1.0\r\n\r\n", "example.com", 22, "", connect},
		"CONNECT IPv6":       {"CONNECT [fd00::1]:443 HTTP/1.1\r\n\r\n", "fd00::1", 443, "", connect},
		"CONNECT IPv4":       {"CONNECT 127.0.0.1:443 HTTP/1.1\r\nProxy-Authorization: Basic eDp5\r\n\r\n", "127.0.0.1", 443, "", connect},
		"CONNECT nested":     {"CONNECT a.com:443 HTTP/1.1\r\n\r\nCONNECT b.com:443 HTTP/1.1\r\n\r\n", "a.com", 443, "CONNECT b.com:443 HTTP/1.1\r\n\r\n", connect},
		"GET": {
			"GET http://Example.com/a?b=c HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\n\r\n", "Example.com", 80,
			"GET /a?b=c HTTP/1.1\r\nHost: Example.com\r\nAccept: */*\r\nConnection: close\r\n\r\n", plain,
		},
		"GET, no path": {
			"GET HTTP://example.com:8080 HTTP/1.1\r\nHost: example.com:8080\r\n\r\n", "example.com", 8080,
			"GET / HTTP/1.1\r\nHost: example.com:8080\r\nConnection: close\r\n\r\n", plain,
		},
		"GET, query alone": {
			"GET http://example.com?x=http://b.com/ HTTP/1.0\r\n\r\n", "example.com", 80,
			"GET /?x=http://b.com/ HTTP/1.0\r\nHost: example.com\r\nConnection: close\r\n\r\n", plain,
		},
		"GET, IPv6": {
			"GET http://[fd00::1]/ HTTP/1.1\r\nHost: [fd00::1]:80\r\n\r\n", "fd00::1", 80,
			"GET / HTTP/1.1\r\nHost: [fd00::1]\r\nConnection: close\r\n\r\n", plain,
		},
		"OPTIONS": {
			"OPTIONS http://example.com HTTP/1.1\r\nHost: example.com\r\n\r\n", "example.com", 80,
			"OPTIONS * HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n", plain,
		},
		"POST, with its body": {
			"POST http://example.com/ HTTP/1.1\r\nHost: example.com\r\nContent-Length: 4\r\n\r\nbody", "example.com", 80,
			"POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody", plain,
		},
		"headers of the hop": {
			"GET http://example.com/ HTTP/1.1\r\nhost: EXAMPLE.com:80\r\nConnection: keep-alive, X-Mine, Content-Length\r\nKeep-Alive: 5\r\nx-mine: 1\r\n" +
				"Proxy-Connection: keep-alive\r\nproxy-authorization: Basic eDp5\r\nUpgrade: h2c\r\nTE: trailers\r\nContent-Length: 0\r\nX-Yours:  2\t \r\nEmpty:\r\n\r\n",
			"example.com", 80,
			"GET / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 0\r\nX-Yours: 2\r\nEmpty: \r\nConnection: close\r\n\r\n", plain,
		},
		"a second request": { // the target sees it behind "close", nobody else does
			"GET http://a.com/ HTTP/1.1\r\nHost: a.com\r\n\r\nGET http://b.com/ HTTP/1.1\r\nHost: b.com\r\n\r\n", "a.com", 80,
			"GET / HTTP/1.1\r\nHost: a.com\r\nConnection: close\r\n\r\nGET http://b.com/ HTTP/1.1\r\nHost: b.com\r\n\r\n", plain,
		},
	} {
		for _, pieces := range []bool{false, true} {
			const later = "later"
			w := &wire{in: strings.NewReader(c.in + later)}
			if pieces {
				w.in = oneByOne{w.in}
			}
			r, err := Read(w)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			rest, _ := io.ReadAll(w.in)
			if got := string(r.Raw) + string(rest); r.Host != c.host || r.Port != c.port || r.proto != c.proto || got != c.raw+later {
				t.Errorf("%s: %q %d %q", name, r.Host, r.Port, got)
			}
			want := ""
			if c.proto == socks {
				want = noAuth
			}
			if w.out.String() != want || !w.deadline.IsZero() || !w.writing.IsZero() {
				t.Errorf("%s: answered %q, deadlines %v %v", name, w.out.String(), w.deadline, w.writing)
			}
		}
	}
}

// oneByOne reads a byte at a time.
type oneByOne struct{ io.Reader }

func (r oneByOne) Read(b []byte) (int, error) { return r.Reader.Read(b[:min(1, len(b))]) }

// TestWrong: what is refused, and how the client is told.
func TestWrong(t *testing.T) {
	const bad = "HTTP/1.1 400 Bad Request\r\n"
	get := func(headers string) string { return "GET http://a.com/ HTTP/1.1\r\n" + headers + "\r\n" }
	for in, answer := range map[string]string{
		"\x04\x01\x00\x50\x01\x02\x03\x04\x00": "", // SOCKS 4
		"\x16\x03\x01\x00\x05hello":            "",
		"\x00":                                 "",
		"get http://a.com/ HTTP/1.1\r\n\r\n":   "",
		"\r\nGET http://a.com/ HTTP/1.1\r\n":   "",

		"\x05\x01\x02":                       "\x05\xff",
		"\x05\x00":                           "\x05\xff",
		"\x05\x01\x00\x04\x01\x00\x01":       noAuth + "\x05\x01" + tail,
		"\x05\x01\x00\x05\x01\x01\x01":       noAuth + "\x05\x01" + tail,
		"\x05\x01\x00\x05\x02\x00\x01":       noAuth + "\x05\x07" + tail, // BIND
		"\x05\x01\x00\x05\x03\x00\x01":       noAuth + "\x05\x07" + tail, // UDP
		"\x05\x01\x00\x05\x01\x00\x02":       noAuth + "\x05\x08" + tail,
		socksTo(socksName5(""), 1):           noAuth + "\x05\x01" + tail,
		socksTo(socksName5("a\x00b"), 1):     noAuth + "\x05\x01" + tail,
		socksTo(socksName5("a b"), 1):        noAuth + "\x05\x01" + tail,
		socksTo(socksName5("a\r\nb"), 1):     noAuth + "\x05\x01" + tail,
		socksTo(socksName5("a.com:1"), 1):    noAuth + "\x05\x01" + tail,
		socksTo(socksName5("[::1]"), 1):      noAuth + "\x05\x01" + tail,
		socksTo(socksName5("fe80::1%lo"), 1): noAuth + "\x05\x01" + tail,
		socksTo(socksName5("a.com"), 0):      noAuth + "\x05\x01" + tail,

		"CONNECT a.com HTTP/1.1\r\n\r\n":                                bad,
		"CONNECT a.com: HTTP/1.1\r\n\r\n":                               bad,
		"CONNECT a.com:0 HTTP/1.1\r\n\r\n":                              bad,
		"CONNECT a.com:65536 HTTP/1.1\r\n\r\n":                          bad,
		"CONNECT a.com:+443 HTTP/1.1\r\n\r\n":                           bad,
		"CONNECT a.com:https HTTP/1.1\r\n\r\n":                          bad,
		"CONNECT :443 HTTP/1.1\r\n\r\n":                                 bad,
		"CONNECT u@a.com:443 HTTP/1.1\r\n\r\n":                          bad,
		"CONNECT ::1:443 HTTP/1.1\r\n\r\n":                              bad,
		"CONNECT [::1] HTTP/1.1\r\n\r\n":                                bad,
		"CONNECT [::1:443 HTTP/1.1\r\n\r\n":                             bad,
		"CONNECT [a.com]:443 HTTP/1.1\r\n\r\n":                          bad,
		"CONNECT [1.2.3.4]:443 HTTP/1.1\r\n\r\n":                        bad,
		"CONNECT [fe80::1%25lo]:443 HTTP/1.1\r\n\r\n":                   bad,
		"CONNECT [fe80::1%lo]:443 HTTP/1.1\r\n\r\n":                     bad,
		"CONNECT a%2ecom:443 HTTP/1.1\r\n\r\n":                          bad,
		"CONNECT http://a.com:443 HTTP/1.1\r\n\r\n":                     bad,
		"CONNECT a.com:443/ HTTP/1.1\r\n\r\n":                           bad,
		"CONNECT \u00e4.com:443 HTTP/1.1\r\n\r\n":                       bad,
		"CONNECT a.com:443 HTTP/1.1\r\n bad\r\n\r\n":                    bad,
		"CONNECT a.com:443 HTTP/1.1\n\n":                                bad,
		"CONNECT a.com:443\x00 HTTP/1.1\r\n\r\n":                        bad,
		"CONNECT  a.com:443 HTTP/1.1\r\n\r\n":                           bad,
		"CONNECT a.com:443 b.com:443 HTTP/1.1\r\n\r\n":                  bad,
		"CONNECT a.com:443\r\n\r\n":                                     bad,
		"CONNECT a.com:443 HTTP/2.0\r\n\r\n":                            bad,
		"CONNECT a.com:443 HTTP/1.1\r\r\n\r\n":                          bad,
		"CONNECT " + strings.Repeat("a", 256) + ":443 HTTP/1.1\r\n\r\n": bad,

		"GET / HTTP/1.1\r\nHost: a.com\r\n\r\n":                       bad,
		"GET a.com/ HTTP/1.1\r\n\r\n":                                 bad,
		"GET https://a.com/ HTTP/1.1\r\n\r\n":                         bad,
		"GET ftp://a.com/ HTTP/1.1\r\n\r\n":                           bad,
		"GET http:///x HTTP/1.1\r\n\r\n":                              bad,
		"GET http://a.com:0/ HTTP/1.1\r\n\r\n":                        bad,
		"GET http://a.com:/ HTTP/1.1\r\n\r\n":                         bad,
		"GET http://u:p@a.com/ HTTP/1.1\r\n\r\n":                      bad,
		"GET http://b.com\\@a.com/ HTTP/1.1\r\n\r\n":                  bad,
		"GET http://a.com#@b.com/ HTTP/1.1\r\n\r\n":                   bad,
		"GET http://a.com/\x01 HTTP/1.1\r\n\r\n":                      bad,
		"GET http://a.com/ HTTP/1.1 \r\n\r\n":                         bad,
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":                            bad,
		"G(T http://a.com/ HTTP/1.1\r\n\r\n":                          bad,
		get("Host: b.com\r\n"):                                        bad,
		get("Host: a.com:81\r\n"):                                     bad,
		get("Host: a.com.evil.com\r\n"):                               bad,
		get("Host:\r\n"):                                              bad,
		get("Host: a.com\r\nHost: a.com\r\n"):                         bad,
		get("Host: a.com\r\nHost: b.com\r\n"):                         bad,
		get("Host: a.com, b.com\r\n"):                                 bad,
		get("Host : a.com\r\n"):                                       bad,
		get(" X: y\r\n"):                                              bad,
		get("X: y\r\n folded\r\n"):                                    bad,
		get("X: y\rHost: b.com\r\n"):                                  bad,
		get("X: y\nHost: b.com\r\n"):                                  bad,
		get("X: y\x00\r\n"):                                           bad,
		get("X: y\x1b\r\n"):                                           bad,
		get("X y\r\n"):                                                bad,
		get(": y\r\n"):                                                bad,
		get("X\u00e4: y\r\n"):                                         bad,
		get("Content-Length: 1\r\nContent-Length: 2\r\n"):             bad,
		get("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"):    bad,
		get("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"): bad,

		get("X: " + strings.Repeat("y", maxLine) + "\r\n"):                       bad,
		get(strings.Repeat("X: y\r\n", maxHeaders+1)):                            bad,
		get(strings.Repeat("X: "+strings.Repeat("y", maxLine-8)+"\r\n", 5)):      bad,
		"GET http://a.com/" + strings.Repeat("x", 1<<20):                         bad,
		"GET http://a.com/" + strings.Repeat("x", maxLine) + " HTTP/1.1\r\n\r\n": bad,
	} {
		w := &wire{in: strings.NewReader(in)}
		r, err := Read(w)
		show := in[:min(len(in), 80)]
		if !errors.Is(err, errProtocol) || r != nil {
			t.Errorf("%q: %+v, %v", show, r, err)
		}
		if got := w.out.String(); answer == bad && !strings.HasPrefix(got, bad) || answer != bad && got != answer {
			t.Errorf("%q: answered %q", show, got)
		}
		if read := len(in) - w.in.(*strings.Reader).Len(); read > maxHead {
			t.Errorf("%q: %d bytes were read", show, read)
		}
		if err != nil && strings.Contains(err.Error(), "u:p") {
			t.Errorf("a password in %v", err)
		}
		if strings.HasPrefix(w.out.String(), "HTTP") {
			a, err := http.ReadResponse(bufio.NewReader(strings.NewReader(w.out.String())), nil)
			if err != nil || !a.Close {
				t.Errorf("%q: answer %v", show, err)
			}
		}
	}
}

// TestCutOff: a client that goes away in the middle is no request, and nobody
// is told.
func TestCutOff(t *testing.T) {
	for _, whole := range []string{socksTo(socksName5("a.com"), 443), socksTo("\x01\x01\x02\x03\x04", 1), "CONNECT a.com:443 HTTP/1.1\r\nHost: a.com:443\r\n\r\n"} {
		for i := range whole {
			w := &wire{in: strings.NewReader(whole[:i])}
			r, err := Read(w)
			if r != nil || !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) || len(w.out.String()) > 2 {
				t.Errorf("%q: %+v, %v, answered %q", whole[:i], r, err, w.out.String())
			}
		}
	}
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct{ in, accept, refuse, fail string }{
		{socksTo(socksName5("a.com"), 443), "\x05\x00" + tail, "\x05\x02" + tail, "\x05\x04" + tail},
		{"CONNECT a.com:443 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 Connection established\r\n\r\n", "403", "502"},
		{"GET http://a.com/ HTTP/1.1\r\n\r\n", "", "403", "502"},
	} {
		for i, want := range []string{c.accept, c.refuse, c.fail} {
			w := &wire{in: strings.NewReader(c.in)}
			r, err := Read(w)
			if err != nil {
				t.Fatal(err)
			}
			w.out.Reset()
			err = []func() error{r.Accept, func() error { return r.Refuse("no rule") }, func() error { return r.Fail("no route") }}[i]()
			got := w.out.String()
			if err != nil || !w.writing.IsZero() {
				t.Errorf("%q: %v, deadline %v", c.in, err, w.writing)
			}
			if len(want) != 3 {
				if got != want {
					t.Errorf("%q: %q", c.in, got)
				}
				continue
			}
			a, err := http.ReadResponse(bufio.NewReader(strings.NewReader(got)), nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(a.Body)
			if err != nil || a.Status[:3] != want || !a.Close || !strings.HasPrefix(string(body), "jailed-claude: no r") {
				t.Errorf("%q: %s %q, %v", c.in, a.Status, body, err)
			}
		}
	}
}
