package egress

import (
	"bufio"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// connect asks the relay for a tunnel and returns the status.
func (w *world) connect(t *testing.T, target string) (*net.TCPConn, int) {
	t.Helper()
	c, err := w.dial("tcp", "198.18.0.1:1023")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, target)
	// What follows the head is the tunnel's: one byte at a time.
	var head strings.Builder
	for b := make([]byte, 1); !strings.HasSuffix(head.String(), "\r\n\r\n"); {
		if _, err := c.Read(b); err != nil {
			t.Fatalf("%s: %v after %q", target, err, head.String())
		}
		head.Write(b)
	}
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(head.String())), &http.Request{Method: http.MethodConnect})
	if err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn), resp.StatusCode
}

// TestProxy: without nftables, the same rules.
func TestProxy(t *testing.T) {
	serve(t, "93.184.216.34:22", echo)
	serve(t, "93.184.216.34:443", echo)
	serve(t, "127.0.0.1:5432", echo)
	w := newWorld(t, viaProxy, mode(network.Filtered, "good.example:22", "good.example:23", "strict.example", "private.example:22", "gone.example:22", "host:5432"),
		name("private.example", private), name("strict.example", public))
	a, err := w.lookup("good.example")
	if err != nil {
		t.Fatal(err)
	}
	for to, at := range map[string]string{
		"good.example:22": "93.184.216.34:22", "GOOD.example.:22": "93.184.216.34:22", "host:5432": "127.0.0.1:5432",
		// The address of a name that was looked up.
		netip.AddrPortFrom(a, 22).String(): "93.184.216.34:22",
	} {
		c, status := w.connect(t, to)
		if status != http.StatusOK {
			t.Errorf("%s: %d", to, status)
			continue
		}
		if err := talk(c, at); err != nil {
			t.Error(to, err)
		}
	}
	dialed := len(w.dials())
	for to, want := range map[string]int{
		"evil.example:22": 403, "good.example:80": 403, "93.184.216.34:22": 403, "private.example:22": 403, "127.0.0.1:5432": 403,
		"localhost:5432": 403, "[::1]:5432": 403, "[::ffff:127.0.0.1]:5432": 403, "198.18.0.1:1023": 403, "198.18.2.2:22": 403,
		"0x7f.1:5432": 403, "2130706433:5432": 403, "[64:ff9b::7f00:1]:5432": 403, "gone.example:22": 502,
	} {
		if _, status := w.connect(t, to); status != want {
			t.Errorf("%s: %d", to, status)
		}
	}
	if n := len(w.dials()); n != dialed {
		t.Errorf("%d dials", n-dialed)
	}
	if _, status := w.connect(t, "good.example:23"); status != http.StatusBadGateway {
		t.Error(status)
	}
	// The client of a tunnel speaks when it is told that there is one.
	c, status := w.connect(t, "strict.example:443")
	if status != http.StatusOK {
		t.Fatal(status)
	}
	_, _ = io.WriteString(c, "plain text")
	if err := isReset(c); err != nil {
		t.Error(err)
	}
	w.close()
	if !slices.ContainsFunc(w.events(Deny), func(e Event) bool { return e.Name == "strict.example" && strings.Contains(e.Why, "not TLS") }) {
		t.Errorf("%+v", w.events(Deny))
	}
}

// TestProxyIsNone: where connections are redirected, nobody asks for a proxy.
func TestProxyIsNone(t *testing.T) {
	w := newWorld(t, mode(network.Internet))
	if err := w.refused("198.18.0.1:1023"); err != nil {
		t.Error(err)
	}
	if d := w.dials(); len(d) > 0 {
		t.Error(d)
	}
}

// get does one request on a connection of its own to where, inside.
func (w *world) get(t *testing.T, where, url string, header http.Header) (int, string) {
	t.Helper()
	c, err := w.dial("tcp", where)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header, r.Close = header, true
	write := r.Write
	if strings.HasSuffix(where, ":1023") {
		write = r.WriteProxy
	}
	if err := write(c); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

func TestProxyPlain(t *testing.T) {
	if why := os.Getenv(cannotEnv); why != "" {
		t.Skip(why)
	}
	l, err := net.Listen("tcp", "93.184.216.34:80")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { fmt.Fprintf(rw, "%s %s", r.Host, r.URL) })}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	w := newWorld(t, viaProxy, mode(network.Filtered, "good.example:80"))
	if status, body := w.get(t, "198.18.0.1:1023", "http://good.example/a?b", nil); status != http.StatusOK || body != "good.example /a?b" {
		t.Error(status, body)
	}
	if status, _ := w.get(t, "198.18.0.1:1023", "http://evil.example/", nil); status != http.StatusForbidden {
		t.Error(status)
	}
}

// TestBroker: in mode none only brokers answer, whichever way they are asked.
func TestBroker(t *testing.T) {
	const key = "the-real-key-0123456789"
	server := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		fmt.Fprint(rw, r.URL.Path, " ", r.Header.Get("X-Key") == key)
	}))
	defer server.Close()
	port := netip.MustParseAddrPort(server.Listener.Addr().String()).Port()
	roots := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	b := network.Broker{Name: "test", Upstream: fmt.Sprintf("https://example.com:%d", port), Header: "X-Key", From: "env:KEY"}
	with := func(_ *world, o *Options, _ *limits) {
		o.Config.Mode, o.Config.Brokers = network.None, []network.Broker{b}
		o.Keys, o.Roots = map[string]string{"test": key}, roots
	}
	loopback := name("example.com", netip.MustParseAddr("127.0.0.1"))
	header := http.Header{"X-Key": {b.Placeholder()}}
	for via, ways := range map[string][]string{network.ViaRedirect: {"198.18.0.2:80"}, network.ViaProxy: {"198.18.0.2:80", "198.18.0.1:1023"}} {
		w := newWorld(t, with, loopback, func(_ *world, o *Options, _ *limits) { o.Config.Via = via })
		for n, way := range ways {
			if status, body := w.get(t, way, b.URL()+"/path", header); status != http.StatusOK || body != "/path true" {
				t.Errorf("%s by %s: %d %s", via, way, status, body)
			}
			if e := w.lastEvent(Allow, n+1); e.Kind != KindBroker || e.Name != "test" || e.Path != "/path" || e.Status != http.StatusOK {
				t.Errorf("%+v", e)
			}
		}
		if via == network.ViaRedirect {
			for _, to := range []string{"198.18.0.2:443", "198.18.0.3:80", "127.1.1.1:80", "93.184.216.34:80"} {
				if err := w.refused(to); err != nil && !strings.Contains(err.Error(), "connection refused") {
					t.Error(to, err)
				}
			}
		} else if c, status := w.connect(t, "test.broker.internal:443"); status != http.StatusForbidden {
			c.Close()
			t.Error(status)
		}
		if _, err := w.lookup("example.com"); err == nil {
			t.Error("a broker's service is found by its name")
		}
		w.close()
		w.mu.Lock()
		if strings.Contains(w.log.String(), key) {
			t.Error("the key is in the log")
		}
		w.mu.Unlock()
	}
	if _, err := tryWorld(t, with, func(_ *world, o *Options, _ *limits) { o.Keys = nil }); err == nil || !strings.Contains(err.Error(), `"test"`) {
		t.Error("a broker without a key:", err)
	}
}
