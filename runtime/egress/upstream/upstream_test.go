package upstream

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// server serves connections of one listener, and says where it is.
func server(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); serve(c) }()
		}
	}()
	return l.Addr().String()
}

// answers is a proxy that reads a request with CONNECT and answers with text,
// and what the target says first in the same breath.
func answers(t *testing.T, text string, asked chan<- *http.Request) string {
	return server(t, func(c net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		asked <- r
		_, _ = io.WriteString(c, text)
		_, _ = io.Copy(c, c)
	})
}

func dialTCP(ctx context.Context, address string) (*net.TCPConn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

func proxies(t *testing.T, v map[string]string) *Proxies {
	t.Helper()
	p, err := New(v)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestFor(t *testing.T) {
	all := map[string]string{
		"HTTPS_PROXY": "http://ada:pw-secret@proxy.corp:3128", "http_proxy": "plain.corp:8080", "HTTP_PROXY": "http://ignored:1",
		"no_proxy": "localhost,.internal.example,10.0.0.0/8,direct.example:8443",
	}
	p := proxies(t, all)
	for target, want := range map[string]string{
		"a.example 443": "http://proxy.corp:3128", "a.example 22": "http://proxy.corp:3128", "a.example 80": "http://plain.corp:8080",
		"x.internal.example 443": "", "10.1.2.3 443": "", "11.1.2.3 443": "http://proxy.corp:3128", "127.0.0.1 443": "", "localhost 443": "",
		"direct.example 8443": "", "direct.example 443": "http://proxy.corp:3128", "2001:db8::1 443": "http://proxy.corp:3128",
	} {
		host, port, _ := strings.Cut(target, " ")
		n := map[string]uint16{"443": 443, "80": 80, "22": 22, "8443": 8443}[port]
		got := ""
		if via := p.For(host, n); via != nil {
			got = via.String()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
	if got := strings.Join(p.Strings(), " "); strings.Contains(got, "secret") || got != "http://proxy.corp:3128 http://plain.corp:8080" {
		t.Errorf("%q", got)
	}
	if p := proxies(t, map[string]string{"NO_PROXY": "*"}); p != nil || p.For("a.example", 443) != nil || p.Strings() != nil {
		t.Error("a proxy of nowhere")
	}
	if p := proxies(t, map[string]string{"ALL_PROXY": "socks5h://s.corp"}); p.For("a.example", 22).String() != "socks5h://s.corp:1080" || !p.For("a.example", 80).Resolves() {
		t.Error("ALL_PROXY")
	}
	for _, bad := range []string{"https://ada:pw-secret@proxy.corp", "socks4://proxy.corp", "http://", "ada:pw-secret@\x7f", "http://ada:pw-secret@[proxy"} {
		if p, err := New(map[string]string{"HTTPS_PROXY": bad}); err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "HTTPS_PROXY") {
			t.Errorf("%q: %v, %v", bad, p.Strings(), err)
		}
	}
}

func dial(t *testing.T, proxy, target string) (*net.TCPConn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return proxies(t, map[string]string{"ALL_PROXY": proxy}).For("a.example", 443).Dial(ctx, target, dialTCP)
}

// TestConnect: what the target says right behind the proxy's answer is not lost,
// and the password goes to the proxy alone.
func TestConnect(t *testing.T) {
	asked := make(chan *http.Request, 9)
	at := answers(t, "HTTP/1.1 200 Connection established\r\nX: y\r\n\r\nSSH-2.0-hello\r\n", asked)
	c, err := dial(t, "http://ada:pw%20secret@"+at, "a.example:22")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	line, err := bufio.NewReader(c).ReadString('\n')
	if line != "SSH-2.0-hello\r\n" {
		t.Error(line, err)
	}
	r := <-asked
	if r.Method != http.MethodConnect || r.Host != "a.example:22" || r.Header.Get("Proxy-Authorization") != "Basic "+base64.StdEncoding.EncodeToString([]byte("ada:pw secret")) {
		t.Errorf("%+v", r)
	}
}

func TestConnectRefused(t *testing.T) {
	asked := make(chan *http.Request, 99)
	for text, says := range map[string]string{
		"HTTP/1.1 403 Forbidden\r\n\r\n":                     "403 Forbidden",
		"HTTP/1.1 407 What\r\nX: pw-secret\r\n\r\npw-secret": "407",
		"HTTP/1.1 301 x\r\nLocation: http://evil\r\n\r\n":    "301",
		"220 mail.example ESMTP\r\n\r\n":                     "no HTTP",
		"":                                                   "timeout",
		"HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", maxAnswer): "does not end",
	} {
		at := answers(t, text, asked)
		if text == "" {
			at = server(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
		}
		ctx, cancel := context.WithCancel(t.Context())
		if text == "" {
			cancel()
		}
		c, err := proxies(t, map[string]string{"ALL_PROXY": "http://ada:pw-secret@" + at}).For("a.example", 443).Dial(ctx, "a.example:443",
			func(_ context.Context, address string) (*net.TCPConn, error) { return dialTCP(t.Context(), address) })
		cancel()
		if err == nil || !strings.Contains(err.Error(), says) && text != "" || strings.Contains(err.Error(), "secret") {
			t.Errorf("%.40q: %v, %v", text, c, err)
		}
		if refused, ok := errors.AsType[*refusedError](err); text != "" && (!ok || refused.Target != "a.example:443") {
			t.Errorf("%.40q: %T", text, err)
		}
	}
	if _, err := dial(t, "http://127.0.0.1:1", "a.example:443"); err == nil || !strings.Contains(err.Error(), "http://127.0.0.1:1") {
		t.Error(err)
	}
}

// socks is a proxy that knows ada.
func socks(t *testing.T, asked chan<- string) string {
	return server(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		take := func(n int) []byte {
			b := make([]byte, n)
			_, _ = io.ReadFull(r, b)
			return b
		}
		methods := take(int(take(2)[1]))
		if bytes.Contains(methods, []byte{2}) {
			_, _ = c.Write([]byte{5, 2})
			name := string(take(int(take(2)[1])))
			if password := string(take(int(take(1)[0]))); name != "ada" || password != "pw" {
				_, _ = c.Write([]byte{1, 1})
				return
			}
			_, _ = c.Write([]byte{1, 0})
		} else {
			_, _ = c.Write([]byte{5, 0})
		}
		head := take(4)
		switch head[3] {
		case 1:
			asked <- net.IP(take(4)).String()
		case 3:
			asked <- string(take(int(take(1)[0])))
		}
		take(2)
		_, _ = c.Write([]byte("\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00SSH-2.0-hello\r\n"))
		_, _ = io.Copy(io.Discard, r)
	})
}

func TestSOCKS(t *testing.T) {
	asked := make(chan string, 9)
	at := socks(t, asked)
	for proxy, target := range map[string]string{"socks5h://" + at: "a.example:22", "socks5h://ada:pw@" + at: "a.example:22", "socks5://" + at: "192.0.2.1:22"} {
		c, err := dial(t, proxy, target)
		if err != nil {
			t.Fatal(proxy, err)
		}
		if line, err := bufio.NewReader(c).ReadString('\n'); line != "SSH-2.0-hello\r\n" {
			t.Error(proxy, line, err)
		}
		c.Close()
		if got := <-asked; got+":22" != target {
			t.Error(proxy, got)
		}
	}
	if _, err := dial(t, "socks5h://ada:pw-secret@"+at, "a.example:22"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
	if proxies(t, map[string]string{"ALL_PROXY": "socks5://" + at}).For("a.example", 443).Resolves() {
		t.Error("socks5 gets addresses")
	}
}
