package egress

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/egress/hello"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// certificate is the one of the standard library's tests.
func certificate(t testing.TB) tls.Certificate {
	s := httptest.NewTLSServer(nil)
	t.Cleanup(s.Close)
	return s.TLS.Certificates[0]
}

// echConfig is a list of one key for an encrypted ClientHello whose outer name
// is outer (RFC 9849, 4).
func echConfig(t *testing.T, outer string) []byte {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pub := key.PublicKey().Bytes()
	b := append([]byte{1, 0, 0x20, 0, byte(len(pub))}, pub...)
	b = append(b, 0, 4, 0, 1, 0, 1, 32, byte(len(outer)))
	b = append(b, outer...)
	b = append(b, 0, 0)
	c := binary.BigEndian.AppendUint16([]byte{0xfe, 0x0d}, uint16(len(b)))
	c = append(c, b...)
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(c))), c...)
}

// handshake is a TLS client that asks for a name and says hello.
func handshake(name string, change func(*tls.Config)) func(net.Conn) error {
	return func(c net.Conn) error {
		o := &tls.Config{ServerName: name, InsecureSkipVerify: true}
		if change != nil {
			change(o)
		}
		s := tls.Client(c, o)
		err := s.HandshakeContext(context.Background())
		if _, ok := errors.AsType[*tls.ECHRejectionError](err); ok {
			return nil // the server has no such key, and has answered
		}
		if err != nil {
			return err
		}
		if _, err := io.WriteString(s, "hello"); err != nil {
			return err
		}
		_, err = io.ReadFull(s, make([]byte, 5))
		return err
	}
}

// plainHTTP takes any answer, and the lack of one, but no reset.
func plainHTTP(c net.Conn) error {
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: good.example\r\n\r\n"); err != nil {
		return err
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

func TestTLS(t *testing.T) {
	cert := certificate(t)
	for _, at := range []string{"93.184.216.34:443", "93.184.216.34:8443"} {
		serve(t, at, func(c *net.TCPConn) {
			s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
			_, _ = io.Copy(s, s)
		})
	}
	filtered := mode(network.Filtered, "good.example", "good.example:8443", "other.example")
	ech := func(o *tls.Config) {
		o.MinVersion = tls.VersionTLS13
		o.EncryptedClientHelloConfigList = echConfig(t, "good.example")
		o.EncryptedClientHelloRejectionVerify = func(tls.ConnectionState) error { return nil }
	}
	for _, c := range []struct {
		what    string
		port    string
		changes []change
		do      func(net.Conn) error
		why     string // empty: allowed
	}{
		{"the name", "443", []change{filtered}, handshake("good.example", nil), ""},
		{"the name in capitals", "443", []change{filtered}, handshake("GOOD.example", nil), ""},
		{"another allowed name", "443", []change{filtered}, handshake("other.example", nil), `is "other.example"`},
		{"another name", "443", []change{filtered}, handshake("evil.example", nil), `is "evil.example"`},
		{"a name below", "443", []change{filtered}, handshake("a.good.example", nil), `is "a.good.example"`},
		{"no name", "443", []change{filtered}, handshake("", nil), "without a server name"},
		{"an address", "443", []change{filtered}, handshake("93.184.216.34", nil), "without a server name"},
		{"ECH", "443", []change{filtered}, handshake("evil.example", ech), "ECH"},
		{"plain HTTP", "443", []change{filtered}, plainHTTP, "not TLS"},
		{"another port", "8443", []change{filtered}, handshake("evil.example", nil), ""},
		{"any: another name", "443", []change{filtered, anyTLS}, handshake("evil.example", nil), ""},
		{"any: ECH", "443", []change{filtered, anyTLS}, handshake("evil.example", ech), ""},
		{"any: plain HTTP", "443", []change{filtered, anyTLS}, plainHTTP, ""},
		{"internet: another name", "443", []change{mode(network.Internet)}, handshake("evil.example", nil), ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			w := newWorld(t, c.changes...)
			conn := w.mustTo("good.example:" + c.port)
			err := c.do(conn)
			if c.why == "" {
				if err != nil {
					t.Error(err)
				}
				conn.Close()
				w.lastEvent(Allow, 1)
				return
			}
			if !errors.Is(err, unix.ECONNRESET) {
				t.Errorf("not reset: %v", err)
			}
			if e := w.lastEvent(Deny, 1); !strings.Contains(e.Why, c.why) || e.Name != "good.example" {
				t.Errorf("%+v", e)
			}
			if d := w.dials(); len(d) > 0 {
				t.Errorf("%v was dialled", d)
			}
			if d := w.close().Denied; len(d) != 1 || d[0].Allow != "" {
				t.Errorf("%+v", d)
			}
		})
	}
}

// TestTLSWaits: a client that sends nothing on 443 is reset after a while.
func TestTLSWaits(t *testing.T) {
	w := newWorld(t, mode(network.Filtered, "good.example"), func(_ *world, _ *Options, l *limits) { l.handshake = 50 * time.Millisecond })
	if err := w.refused("good.example:443"); err != nil {
		t.Error(err)
	}
	w.lastEvent(Fail, 1)
}

// helloFor is the ClientHello of a client that asks for a name.
func helloFor(t *testing.T, name string) []byte {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	go func() { _ = tls.Client(theirs, &tls.Config{ServerName: name}).HandshakeContext(t.Context()) }()
	_, raw, err := hello.Read(ours)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestTLSEarly: what a client of the proxy sends before it is told that there
// is a tunnel arrives, the bytes behind the ClientHello as well: each once and
// in order, wherever they are cut.
func TestTLSEarly(t *testing.T) {
	serve(t, "93.184.216.34:443", echo)
	const head = "CONNECT good.example:443 HTTP/1.1\r\nHost: good.example:443\r\n\r\n"
	behind := "the early data of TLS 1.3"
	first := helloFor(t, "good.example")
	all := string(first) + behind
	w := newWorld(t, viaProxy, mode(network.Filtered, "good.example"))
	for what, cut := range map[string]int{
		"nothing": 0, "a part of the ClientHello": len(first) / 2, "the ClientHello": len(first), "a little more": len(first) + 5, "everything": len(all),
	} {
		t.Run(what, func(t *testing.T) {
			conn, err := w.dial("tcp", "198.18.0.1:1023")
			if err != nil {
				t.Fatal(err)
			}
			c := conn.(*net.TCPConn)
			if _, err := io.WriteString(c, head+all[:cut]); err != nil {
				t.Fatal(err)
			}
			const told = "HTTP/1.1 200 Connection established\r\n\r\n"
			b := make([]byte, len(told))
			if _, err := io.ReadFull(c, b); err != nil || string(b) != told {
				t.Fatalf("%q, %v", b, err)
			}
			if _, err := io.WriteString(c, all[cut:]); err != nil {
				t.Fatal(err)
			}
			_ = c.CloseWrite()
			got, err := io.ReadAll(c)
			if want := "93.184.216.34:443\n" + all; err != nil || string(got) != want {
				t.Errorf("%d bytes arrived, not %d: %q, %v", len(got), len(want), got, err)
			}
		})
	}
}
