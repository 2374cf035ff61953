package egress

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/egress/authority"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

func realAddresses(_ *world, o *Options, _ *limits) { o.Config.Addresses = network.AddressesReal }

// TestRealAddresses: names have public addresses of their own, and all others one
// of the jail's; a connection belongs to the names that were told for its address,
// and ends there and nowhere else.
func TestRealAddresses(t *testing.T) {
	for _, at := range []string{"93.184.216.34:80", "93.184.216.35:22", "10.1.2.3:80"} {
		serve(t, at, echo)
	}
	second := netip.MustParseAddr("93.184.216.35")
	w := newWorld(t, realAddresses, mode(network.Filtered, "good.example:80", "db.corp.internal:80", "six.example:80", "git.example:22", "moving.example:22", "host:80"),
		name("db.corp.internal", private), name("six.example", netip.MustParseAddr("2606:4700::1")), name("git.example", second), name("moving.example", second))
	for host, want := range map[string]bool{"good.example": true, "git.example": true, "moving.example": true, "db.corp.internal": false, "six.example": false, "host": false} {
		a, err := w.lookup(host)
		if err != nil || network.Fake.Contains(a) == want || want && a != public && a != second {
			t.Errorf("%s is %v, %v", host, a, err)
		}
	}
	for to, at := range map[string]string{"93.184.216.34:80": "93.184.216.34:80", "db.corp.internal:80": "10.1.2.3:80", "93.184.216.35:22": "93.184.216.35:22"} {
		if err := talk(w.mustTo(to), at); err != nil {
			t.Errorf("%s: %v", to, err)
		}
	}
	// The name leads elsewhere by now: what was asked for is dialled.
	w.mu.Lock()
	w.names["moving.example."] = []netip.Addr{private}
	w.mu.Unlock()
	w.session.resolver.Clear()
	if err := talk(w.mustTo("93.184.216.35:22"), "93.184.216.35:22"); err != nil {
		t.Error(err)
	}
	dialed := len(w.dials())
	for _, to := range []string{"93.184.216.34:22", "93.184.216.34:443", "93.184.216.35:80", "93.184.216.36:80", "10.1.2.3:80", "198.18.0.1:80"} {
		if err := w.refused(to); err != nil {
			t.Errorf("%s: %v", to, err)
		}
	}
	if err := w.session.Deny([]string{"good.example"}); err != nil {
		t.Fatal(err)
	}
	if err := w.refused("93.184.216.34:80"); err != nil {
		t.Errorf("denied by now: %v", err)
	}
	if n := len(w.dials()); n != dialed {
		t.Errorf("%d dials", n-dialed)
	}
}

// TestRealSharedAddress: of names that share an address a TLS client says which it
// means, and only one that was told and is allowed can be meant.
func TestRealSharedAddress(t *testing.T) {
	cert := certificate(t)
	serve(t, "93.184.216.34:443", func(c *net.TCPConn) {
		s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
		_, _ = io.Copy(s, s)
	})
	w := newWorld(t, realAddresses, mode(network.Filtered, "good.example", "other.example", "unasked.example", "git.example:22"), name("other.example", public), name("unasked.example", public), name("git.example", public))
	for _, host := range []string{"good.example", "other.example", "git.example"} {
		if _, err := w.lookup(host); err != nil {
			t.Fatal(err)
		}
	}
	for sni, want := range map[string]bool{"good.example": true, "other.example": true, "OTHER.example": true, "git.example": false, "unasked.example": false, "evil.example": false, "": false} {
		c := w.mustTo("93.184.216.34:443")
		err := handshake(sni, nil)(c)
		c.Close()
		if (err == nil) != want || !want && !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("%q: %v", sni, err)
		}
	}
	for _, e := range w.events(Allow) {
		if e.Kind == KindTCP && e.Rule != e.Name {
			t.Errorf("logged: %+v", e)
		}
	}
}

// TestRealNotForBrokers: a name of which a broker ends the connections has an
// address of the jail's own, so that no key is in the jail.
func TestRealNotForBrokers(t *testing.T) {
	a, err := authority.New([]string{"example.com"})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, realAddresses, mode(network.Internet), brokering(a, serveHTTPS(t, "93.184.216.34:443")))
	for host, want := range map[string]bool{"example.com": true, "good.example": false} {
		if at, err := w.lookup(host); err != nil || network.Fake.Contains(at) != want {
			t.Errorf("%s is %v, %v", host, at, err)
		}
	}
	if !strings.Contains(w.log.String(), "example.com") {
		t.Error("not logged")
	}
}
