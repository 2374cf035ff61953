package egress

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// kernel decides which addresses are this host's own: all of the world are.
func kernel(_ *world, o *Options, _ *limits) { o.Own = nil }

// TestOwnRefused: an address of this host is closed like its loopback, however
// it is asked for.
func TestOwnRefused(t *testing.T) {
	for _, at := range []string{"93.184.216.34:80", "93.184.216.35:80", "[2a00:1450::1]:80"} {
		serve(t, at, echo)
	}
	filtered := mode(network.Filtered, "good.example:*", "x.example:*", "host:80")
	internet := mode(network.Internet)
	nat64 := netip.MustParseAddr("64:ff9b::5db8:d823")
	for _, c := range []struct {
		what, to, allow string
		changes         []change
	}{
		{"literal", "93.184.216.34:80", "93.184.216.34:80", []change{internet, kernel}},
		{"mapped literal", "[::ffff:93.184.216.34]:80", "93.184.216.34:80", []change{internet, kernel}},
		{"name", "good.example:80", "93.184.216.34:80", []change{internet, kernel}},
		{"name, filtered", "good.example:80", "93.184.216.34:80", []change{filtered, kernel}},
		{"name, IPv6", "x.example:80", "[2a00:1450::1]:80", []change{internet, kernel, name("x.example", public6)}},
		{"name, IPv6, filtered", "x.example:80", "[2a00:1450::1]:80", []change{filtered, kernel, name("x.example", public6)}},
		{"name, mapped", "x.example:80", "93.184.216.35:80", []change{internet, kernel, name("x.example", netip.MustParseAddr("::ffff:93.184.216.35"))}},
		{"name, NAT64", "x.example:80", "93.184.216.35:80", []change{internet, owning(public2), name("x.example", nat64)}},
		{"name, all of its addresses", "x.example:80", "93.184.216.34:80", []change{internet, kernel, name("x.example", public, public2, public6)}},
		{"a rule of another port", "good.example:80", "93.184.216.34:80", []change{mode(network.Internet, "93.184.216.34:22"), kernel}},
		{"a rule for host", "good.example:80", "93.184.216.34:80", []change{mode(network.Internet, "host:80"), kernel}},
		{"a deny rule as well", "good.example:80", "", []change{mode(network.Internet, "93.184.216.34:80"), denying("93.184.216.34"), kernel}},
	} {
		t.Run(c.what, func(t *testing.T) {
			w := newWorld(t, c.changes...)
			if err := w.refused(c.to); err != nil {
				t.Error(err)
			}
			e := w.lastEvent(Deny, 1)
			if c.allow != "" && !strings.Contains(e.Why, "an address of this host") {
				t.Errorf("%+v", e)
			}
			if d := w.dials(); len(d) > 0 {
				t.Errorf("%v was dialled", d)
			}
			if d := w.close().Denied; len(d) != 1 || d[0].Allow != c.allow {
				t.Errorf("%+v", d)
			}
		})
	}
}

// TestOwnAllowed: a rule of addresses opens it, and what is not this host's own
// is as it was.
func TestOwnAllowed(t *testing.T) {
	for _, at := range []string{"93.184.216.34:80", "93.184.216.35:80", "[2a00:1450::1]:80", "127.0.0.1:80"} {
		serve(t, at, echo)
	}
	for _, c := range []struct {
		what, to, at string
		changes      []change
	}{
		{"literal", "93.184.216.34:80", "93.184.216.34:80", []change{mode(network.Internet, "93.184.216.34:80"), kernel}},
		{"literal, filtered", "93.184.216.34:80", "93.184.216.34:80", []change{mode(network.Filtered, "93.184.216.34:80"), kernel}},
		{"range", "93.184.216.35:80", "93.184.216.35:80", []change{mode(network.Internet, "93.184.0.0/16:*"), kernel}},
		{"name", "good.example:80", "93.184.216.34:80", []change{mode(network.Internet, "93.184.216.34:80"), kernel}},
		{"name, IPv6, filtered", "x.example:80", "[2a00:1450::1]:80", []change{mode(network.Filtered, "x.example:80", "[2a00:1450::/32]:80"), kernel, name("x.example", public6)}},
		{"host", "host:80", "127.0.0.1:80", []change{mode(network.Internet, "host:80"), kernel}},
		{"another of a name's addresses", "x.example:80", "93.184.216.35:80", []change{mode(network.Internet), owning(public), name("x.example", public, public2)}},
	} {
		t.Run(c.what, func(t *testing.T) {
			w := newWorld(t, c.changes...)
			if err := talk(w.mustTo(c.to), c.at); err != nil {
				t.Fatal(err)
			}
			w.lastEvent(Allow, 1)
		})
	}
}

// TestOwnProxy: the same where a proxy is asked.
func TestOwnProxy(t *testing.T) {
	serve(t, "93.184.216.34:80", echo)
	serve(t, "93.184.216.35:80", echo)
	w := newWorld(t, viaProxy, mode(network.Internet, "93.184.216.35:80"), kernel, name("x.example", public2), name("six.example", public6))
	for to, want := range map[string]int{
		"93.184.216.34:80": 403, "[::ffff:93.184.216.34]:80": 403, "good.example:80": 403, "[2a00:1450::1]:80": 403, "six.example:80": 403, "[64:ff9b::5db8:d822]:80": 403,
		"93.184.216.35:80": 200, "x.example:80": 200,
	} {
		if _, status := w.connect(t, to); status != want {
			t.Errorf("%s: %d", to, status)
		}
	}
}

// TestBecomesOwn: an address that this host gets in the course of a session is
// closed from then on, and is so if it gets it while it is being dialled.
func TestBecomesOwn(t *testing.T) {
	serve(t, "93.184.216.34:80", echo)
	var asked, ownFrom atomic.Int64
	ownFrom.Store(100)
	w := newWorld(t, mode(network.Internet), func(w *world, _ *Options, _ *limits) {
		w.own = func(netip.AddrPort) (bool, error) { return asked.Add(1) >= ownFrom.Load(), nil }
	})
	if err := talk(w.mustTo("good.example:80"), "93.184.216.34:80"); err != nil {
		t.Fatal(err)
	}
	ownFrom.Store(asked.Load() + 2) // when it has been dialled
	if err := w.refused("good.example:80"); err != nil {
		t.Error(err)
	}
	if e := w.lastEvent(Deny, 1); !strings.Contains(e.Why, "an address of this host") || e.Sent > 0 || e.Received > 0 {
		t.Errorf("%+v", e)
	}
	if d := w.dials(); len(d) != 2 {
		t.Errorf("%v were dialled", d)
	}
	if err := w.refused("good.example:80"); err != nil {
		t.Error(err)
	}
	if d := w.dials(); len(d) != 2 {
		t.Errorf("%v were dialled", d)
	}
}

// TestOwnUnknown: what nobody can tell is not dialled.
func TestOwnUnknown(t *testing.T) {
	serve(t, "93.184.216.34:80", echo)
	for _, via := range []change{func(*world, *Options, *limits) {}, viaProxy} {
		w := newWorld(t, via, mode(network.Internet), func(w *world, _ *Options, _ *limits) {
			w.own = func(netip.AddrPort) (bool, error) { return false, errors.New("no socket left") }
		})
		if w.session.config.Via == network.ViaProxy {
			if _, status := w.connect(t, "good.example:80"); status != http.StatusBadGateway {
				t.Error(status)
			}
		} else if err := w.refused("good.example:80"); err != nil {
			t.Error(err)
		}
		if e := w.lastEvent(Fail, 1); !strings.Contains(e.Why, "no socket left") {
			t.Errorf("%+v", e)
		}
		if d := w.dials(); len(d) > 0 {
			t.Errorf("%v was dialled", d)
		}
	}
}
