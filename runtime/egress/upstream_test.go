package egress

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jailed-claude/jailed-claude/runtime/egress/upstream"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// tunnel is a proxy that says which target it was asked for, in place of it; one
// of "refused" it refuses.
type tunnel struct {
	mu    sync.Mutex
	asked []string
}

func newTunnel(t *testing.T) (*tunnel, string) {
	t.Helper()
	p := new(tunnel)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	serve(t, at, func(c *net.TCPConn) {
		in := bufio.NewReader(c)
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.asked = append(p.asked, r.Host)
		p.mu.Unlock()
		if strings.HasPrefix(r.Host, "refused") {
			_, _ = io.WriteString(c, "HTTP/1.1 403 pw-secret\r\n\r\npw-secret")
			return
		}
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\n\r\n%s\n", r.Host)
		_, _ = io.Copy(c, in)
	})
	return p, at
}

func (p *tunnel) takes() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() { p.asked = nil }()
	return p.asked
}

// by lets a session use proxies.
func by(t *testing.T, v map[string]string) change {
	t.Helper()
	p, err := upstream.New(v)
	if err != nil {
		t.Fatal(err)
	}
	return func(_ *world, o *Options, _ *limits) { o.Upstream = p }
}

// TestUpstream: connections go by the host's proxy, names as names; what the
// rules refuse does not get there.
func TestUpstream(t *testing.T) {
	p, at := newTunnel(t)
	serve(t, "10.1.2.3:5432", echo)
	serve(t, "93.184.216.34:22", echo)
	serve(t, "127.0.0.1:5432", echo)
	w := newWorld(t, mode(network.Internet, "10.1.2.3:5432", "host:5432", "db.corp.example:5432"), anyTLS, name("inside.example", private), name("direct.example", public), name("db.corp.example", private),
		by(t, map[string]string{"ALL_PROXY": "http://ada:pw-secret@" + at, "NO_PROXY": "direct.example"}))
	for i, c := range []struct{ to, at, address string }{
		{"good.example:443", "good.example:443", ""},
		{"good.example:22", "good.example:22", ""},
		{"nobody-here-knows.example:443", "nobody-here-knows.example:443", ""},
		{"93.184.216.34:22", "93.184.216.34:22", "93.184.216.34"},
	} {
		if err := talk(w.mustTo(c.to), c.at); err != nil {
			t.Fatal(c.to, err)
		}
		if got := p.takes(); !slices.Equal(got, []string{c.at}) {
			t.Errorf("%s: the proxy was asked for %q", c.to, got)
		}
		if e := w.lastEvent(Allow, i+1); e.Via != "http://"+at || e.Address != c.address {
			t.Errorf("%+v", e)
		}
	}
	// What is not for proxies.
	for to, at := range map[string]string{"10.1.2.3:5432": "10.1.2.3:5432", "db.corp.example:5432": "10.1.2.3:5432", "host:5432": "127.0.0.1:5432", "direct.example:22": "93.184.216.34:22"} {
		if err := talk(w.mustTo(to), at); err != nil {
			t.Error(to, err)
		}
	}
	// What is refused without one is refused with one.
	for _, to := range []string{"inside.example:443", "10.9.9.9:443", "169.254.169.254:80"} {
		if err := w.refused(to); err != nil {
			t.Error(to, err)
		}
	}
	if got := p.takes(); len(got) > 0 {
		t.Errorf("the proxy was asked for %q", got)
	}
	if err := w.refused("refused.example:443"); err != nil {
		t.Error(err)
	}
	if e := w.lastEvent(Fail, 1); e.Name != "refused.example" || e.Via != "http://"+at || !strings.Contains(e.Why, "403") {
		t.Errorf("%+v", e)
	}
	s := w.close()
	if len(s.Proxies) != 1 || s.Proxies[0].Count != 1 || s.Proxies[0].Proxy != "http://"+at {
		t.Errorf("%+v", s.Proxies)
	}
	var out strings.Builder
	s.Report(&out, true)
	if !strings.Contains(out.String(), "connections by your proxy failed (1); the last: ") || strings.Contains(out.String()+w.log.String(), "secret") {
		t.Errorf("%s\n%s", out.String(), w.log.String())
	}
}

// TestUpstreamFiltered: a name that no rule allows is not asked for.
func TestUpstreamFiltered(t *testing.T) {
	p, at := newTunnel(t)
	w := newWorld(t, mode(network.Filtered, "good.example:22"), by(t, map[string]string{"HTTPS_PROXY": at}))
	if _, err := w.lookup("other.example"); err == nil {
		t.Error("found")
	}
	if err := w.refused("good.example:80"); err != nil {
		t.Error(err)
	}
	if err := talk(w.mustTo("good.example:22"), "good.example:22"); err != nil {
		t.Error(err)
	}
	if got := p.takes(); !slices.Equal(got, []string{"good.example:22"}) {
		t.Errorf("%q", got)
	}
}

// TestUpstreamSOCKS: a proxy by "socks5" is given the addresses that were decided
// about, and no name.
func TestUpstreamSOCKS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	serve(t, at, func(c *net.TCPConn) {
		var hello [3]byte
		var request [10]byte // with an IPv4 address
		if _, err := io.ReadFull(c, hello[:]); err != nil {
			return
		}
		_, _ = c.Write([]byte{5, 0})
		if _, err := io.ReadFull(c, request[:]); err != nil {
			return
		}
		_, _ = c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
		_, _ = fmt.Fprintf(c, "%x\n", request[3:])
		_, _ = io.Copy(c, c)
	})
	w := newWorld(t, mode(network.Filtered, "good.example:22"), by(t, map[string]string{"ALL_PROXY": "socks5://" + at}))
	if err := talk(w.mustTo("good.example:22"), "015db8d8220016"); err != nil {
		t.Error(err)
	}
}

// TestUpstreamBroker: a broker reaches its service by the host's proxy.
func TestUpstreamBroker(t *testing.T) {
	p, at := newTunnel(t)
	a, roots := newAuthority(t, "example.com")
	w := newWorld(t, mode(network.None), brokering(a, serveHTTPS(t, "93.184.216.34:443")), by(t, map[string]string{"ALL_PROXY": at}))
	c := tls.Client(w.mustTo("example.com:443"), &tls.Config{ServerName: "example.com", RootCAs: roots})
	if _, err := fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: example.com\r\nX-Api-Key: %s\r\n\r\n", w.session.brokers[0].Placeholder()); err != nil {
		t.Fatal(err)
	}
	if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil { // what is there speaks no TLS
		t.Fatal(err)
	}
	if got := p.takes(); len(got) == 0 || got[0] != "example.com:443" {
		t.Errorf("the proxy was asked for %q", got)
	}
}
