package egress

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

func TestAllowed(t *testing.T) {
	for _, at := range []string{"93.184.216.34:443", "93.184.216.34:22", "93.184.216.34:80", "[2a00:1450::1]:22", "10.1.2.3:22", "127.0.0.1:5432", "[::1]:5433"} {
		serve(t, at, echo)
	}
	for _, c := range []struct {
		to, at, rule string
		changes      []change
	}{
		{"good.example:443", "93.184.216.34:443", "good.example", []change{mode(network.Filtered, "good.example"), anyTLS}},
		{"good.example:22", "93.184.216.34:22", "good.example:22", []change{mode(network.Filtered, "good.example:22")}},
		{"GOOD.Example:80", "93.184.216.34:80", "good.example:*", []change{mode(network.Filtered, "good.example:*")}},
		{"a.b.example:22", "93.184.216.34:22", "*.b.example:22", []change{mode(network.Filtered, "*.b.example:22"), name("a.b.example", public)}},
		{"six.example:22", "[2a00:1450::1]:22", "six.example:22", []change{mode(network.Filtered, "six.example:22"), name("six.example", public6)}},
		// The first address does not answer.
		{"two.example:22", "93.184.216.34:22", "two.example:22", []change{mode(network.Filtered, "two.example:22"), name("two.example", public2, public)}},
		// The first address may not be.
		{"mixed.example:22", "93.184.216.34:22", "mixed.example:22", []change{mode(network.Filtered, "mixed.example:22"), name("mixed.example", private, public)}},
		{"10.1.2.3:22", "10.1.2.3:22", "10.1.2.3:22", []change{mode(network.Filtered, "10.1.2.3:22")}},
		{"in.example:22", "10.1.2.3:22", "in.example:22", []change{mode(network.Filtered, "in.example:22", "10.0.0.0/8:22"), name("in.example", private)}},
		{"host:5432", "127.0.0.1:5432", "host:5432", []change{mode(network.Filtered, "host:5432")}},
		{"host:5433", "[::1]:5433", "host:5433", []change{mode(network.Internet, "host:5433")}},
		{"good.example:443", "93.184.216.34:443", "mode internet", []change{mode(network.Internet)}},
		{"93.184.216.34:80", "93.184.216.34:80", "mode internet", []change{mode(network.Internet)}},
		{"10.1.2.3:22", "10.1.2.3:22", "10.0.0.0/8:*", []change{mode(network.Internet, "10.0.0.0/8:*")}},
	} {
		t.Run(c.to+" "+c.rule, func(t *testing.T) {
			w := newWorld(t, c.changes...)
			if err := talk(w.mustTo(c.to), c.at); err != nil {
				t.Fatal(err)
			}
			e := w.lastEvent(Allow, 1)
			if got := net.JoinHostPort(e.Address, fmt.Sprint(e.Port)); got != c.at || e.Kind != KindTCP || e.Rule != c.rule || e.Sent != 5 || e.Received != int64(len(c.at)+6) || e.Why != "" {
				t.Errorf("%+v", e)
			}
			if host, _, _ := net.SplitHostPort(c.to); e.Name != "" && e.Name != strings.ToLower(host) {
				t.Errorf("%+v", e)
			}
		})
	}
}

// TestPrivateNames: a name of the company's leads to its own addresses; whoever
// answers for it cannot lead the jail to this host or to its credentials.
func TestPrivateNames(t *testing.T) {
	hosts := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(hosts, []byte("127.0.0.1 localhost\n127.0.0.1\tapp.local here.example # 127.0.0.1 not.local\n10.1.2.3 other.local\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"10.1.2.3:5432", "127.0.0.1:5432"} {
		serve(t, at, echo)
	}
	private := func(w *world, o *Options, _ *limits) {
		o.HostsFile = hosts
		for name, a := range map[string]string{"db.corp.internal.": "10.1.2.3", "liar.corp.internal.": "127.0.0.1", "own.corp.internal.": "10.7.7.7", "meta.corp.internal.": "169.254.169.254", "app.local.": "127.0.0.1", "here.example.": "127.0.0.1", "not.local.": "127.0.0.1"} {
			w.names[name] = append(w.names[name], netip.MustParseAddr(a))
		}
		o.Own = func(to netip.AddrPort) (bool, error) { return to.Addr() == netip.MustParseAddr("10.7.7.7"), nil }
	}
	for _, m := range []change{mode(network.Filtered, "*.corp.internal:5432", "app.local:5432", "here.example:5432", "not.local:5432"), mode(network.Internet, "*.corp.internal:5432", "app.local:5432", "not.local:5432")} {
		w := newWorld(t, m, private)
		for to, at := range map[string]string{"db.corp.internal:5432": "10.1.2.3:5432", "app.local:5432": "127.0.0.1:5432"} {
			if err := talk(w.mustTo(to), at); err != nil {
				t.Errorf("%s: %v", to, err)
			}
		}
		for _, to := range []string{"liar.corp.internal:5432", "own.corp.internal:5432", "meta.corp.internal:5432", "db.corp.internal:22", "here.example:5432", "not.local:5432"} {
			if err := w.refused(to); err != nil {
				t.Errorf("%s: %v", to, err)
			}
		}
		w.close()
	}
}

// TestRefused: at once, by a reset, without a dial, and with a line in the log.
func TestRefused(t *testing.T) {
	for _, at := range []string{"93.184.216.34:443", "93.184.216.34:80", "10.1.2.3:443", "10.1.2.3:80", "169.254.169.254:80", "0.0.0.0:5432"} {
		serve(t, at, echo)
	}
	filtered := mode(network.Filtered, "good.example", "good.example:80", "*.to.example:*")
	internet := mode(network.Internet)
	to := func(addrs ...string) change {
		return func(w *world, _ *Options, _ *limits) {
			for _, a := range addrs {
				w.names["x.to.example."] = append(w.names["x.to.example."], netip.MustParseAddr(a))
			}
		}
	}
	for _, c := range []struct {
		to, why, allow string
		changes        []change
	}{
		// Addresses that nobody looked up.
		{"93.184.216.34:443", "addresses need a rule", "93.184.216.34", []change{filtered}},
		{"93.184.216.34:80", "addresses need a rule", "93.184.216.34:80", []change{filtered}},
		{"93.184.216.34:80", "addresses need a rule", "", []change{mode(network.None)}},
		{"10.1.2.3:80", "private", "10.1.2.3:80", []change{filtered}},
		{"10.1.2.3:80", "private", "10.1.2.3:80", []change{internet}},
		{"169.254.169.254:80", "metadata", "", []change{internet}},
		{"[::ffff:169.254.169.254]:80", "metadata", "", []change{internet}},
		// The jail's own addresses.
		{"198.18.0.1:1023", "relay", "", []change{internet}},
		{"198.18.0.1:5432", "relay", "", []change{internet}},
		{"[2001:2::1]:1023", "relay", "", []change{mode(network.Filtered, "[2001:2::1]:1023")}},
		{"198.18.1.0:443", "no name", "", []change{internet}},
		{"198.19.255.255:443", "no name", "", []change{internet}},
		{"198.18.0.2:80", "no name", "", []change{internet}},
		// Ports.
		{"good.example:22", "not on port 22", "good.example:22", []change{filtered}},
		{"host:5433", "not on port 5433", "host:5433", []change{mode(network.Filtered, "host:5432")}},
		// Deny comes first.
		{"good.example:80", "denied by", "", []change{filtered, denying("good.example:80")}},
		{"good.example:80", "denied by", "", []change{internet, denying("good.example:80")}},
		{"good.example:80", "denied by", "", []change{internet, denying("93.184.0.0/16")}},
		{"93.184.216.34:80", "denied by", "", []change{internet, denying("93.184.0.0/16")}},
		// What a name leads to.
		{"x.to.example:80", "private", "10.1.2.3:80", []change{filtered, to("10.1.2.3")}},
		{"x.to.example:80", "private", "10.1.2.3:80", []change{internet, to("10.1.2.3")}},
		{"x.to.example:80", "metadata", "", []change{filtered, to("169.254.169.254")}},
		{"x.to.example:80", "metadata", "", []change{internet, to("::ffff:169.254.169.254")}},
		{"x.to.example:80", "metadata", "", []change{internet, to("64:ff9b::a9fe:a9fe")}},
		{"x.to.example:5432", "loopback", "", []change{internet, to("127.0.0.1")}},
		{"x.to.example:5432", "loopback", "", []change{filtered, to("::1")}},
		{"x.to.example:5432", "this host", "", []change{filtered, to("0.0.0.0")}},
		{"x.to.example:5432", "loopback", "", []change{filtered, to("::")}},
		{"x.to.example:80", "the jail's own names", "", []change{internet, to("198.18.0.1", "198.18.1.0")}},
		{"x.to.example:80", "private", "[fd00::1]:80", []change{internet, to("fd00::1", "fe80::1%lo")}},
	} {
		t.Run(c.to+" "+c.why, func(t *testing.T) {
			w := newWorld(t, c.changes...)
			if err := w.refused(c.to); err != nil {
				t.Error(err)
			}
			e := w.lastEvent(Deny, 1)
			if !strings.Contains(e.Why, c.why) {
				t.Errorf("%+v", e)
			}
			if d := w.dials(); len(d) > 0 {
				t.Errorf("%v was dialled", d)
			}
			denied := w.close().Denied
			if len(denied) != 1 || denied[0].Allow != c.allow || denied[0].Count != 1 {
				t.Errorf("%+v", denied)
			}
			if line := denied[0].Allow; line != "" && !isRule(line) {
				t.Errorf("%q is no rule", line)
			}
		})
	}
}

func isRule(s string) bool {
	_, err := network.ParseRule(s)
	return err == nil
}

// TestNames: a name that is not allowed is not asked about outside.
func TestNames(t *testing.T) {
	w := newWorld(t, mode(network.Filtered, "good.example", "gone.example", "host:5432"), denying("*.bad.example"))
	for _, n := range []string{"evil.example", "good.example.evil.example", "evilgood.example", "x.good.example", "x.bad.example", "localhost.localdomain", "com"} {
		if a, err := w.lookup(n); err == nil {
			t.Errorf("%s is %s", n, a)
		}
	}
	if len(w.asked) > 0 {
		t.Errorf("asked outside: %q", w.asked)
	}
	if n := len(w.events(Deny)); n != 7 {
		t.Errorf("%d refusals in the log", n)
	}
	if _, err := w.lookup("gone.example"); err == nil {
		t.Error("gone.example is there")
	}
	first, err := w.lookup("good.example")
	if err != nil || first.Less(network.FirstName) || !network.Fake.Contains(first) {
		t.Error(first, err)
	}
	if again, err := w.lookup("good.example"); err != nil || again != first {
		t.Error(again, err)
	}
	if _, err := w.lookup("host"); err != nil {
		t.Error(err)
	}
	if !slices.Equal(w.asked, []string{"gone.example.", "good.example."}) {
		t.Errorf("asked outside: %q", w.asked)
	}
	s := w.close()
	if len(s.Denied) != 7 {
		t.Errorf("%+v", s)
	}
	for _, d := range s.Denied {
		if want := map[string]string{"evil.example": "evil.example", "x.bad.example": "", "com": ""}; d.Allow != d.Host && d.Allow != want[d.Host] {
			t.Errorf("%+v", d)
		}
	}
}

// TestRebinding: an answer that changes between the check and the dial does
// not matter, there is one resolution for both.
func TestRebinding(t *testing.T) {
	for _, at := range []string{"93.184.216.34:80", "127.0.0.1:80"} {
		serve(t, at, echo)
	}
	n := 0
	w := newWorld(t, mode(network.Filtered, "good.example:80"), func(w *world, o *Options, _ *limits) {
		o.LookupHost = func(context.Context, string) ([]netip.Addr, error) {
			n++
			if n%2 == 1 {
				return []netip.Addr{public}, nil
			}
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}
	})
	outcomes := map[bool]int{}
	for range 6 {
		c, err := w.to("good.example:80")
		outcomes[err == nil && talk(c.(*net.TCPConn), "93.184.216.34:80") == nil]++
		w.session.resolver.Clear()
	}
	for _, d := range w.dials() {
		if d.Addr() != public {
			t.Errorf("%s was dialled", d)
		}
	}
	if n < 4 || outcomes[true] == 0 {
		t.Errorf("%d look-ups, %v", n, outcomes)
	}
}

// TestMixed: a public address in front does not open the private ones behind.
func TestMixed(t *testing.T) {
	serve(t, "10.1.2.3:80", echo)
	serve(t, "169.254.169.254:80", echo)
	w := newWorld(t, mode(network.Internet), name("mixed.example", public2, private, metadata))
	if err := w.refused("mixed.example:80"); err != nil {
		t.Error(err)
	}
	if d := w.dials(); len(d) != 1 || d[0].Addr() != public2 {
		t.Errorf("%v were dialled", d)
	}
}

// TestUnreachable: what is allowed and does not answer is a reset too.
func TestUnreachable(t *testing.T) {
	w := newWorld(t, mode(network.Internet))
	if err := w.refused("good.example:81"); err != nil {
		t.Error(err)
	}
	if e := w.lastEvent(Fail, 1); !strings.Contains(e.Why, "refused") || e.Address == "" && e.Name != "good.example" {
		t.Errorf("%+v", e)
	}
	// A name that is gone by the time of the connection.
	a, err := w.lookup("good.example")
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	clear(w.names)
	w.mu.Unlock()
	w.session.resolver.Clear()
	if err := w.refused(a.String() + ":80"); err != nil {
		t.Error(err)
	}
	if s := w.close(); len(s.Denied) > 0 {
		t.Errorf("%+v", s)
	}
}

// TestNoDialBefore: nothing is dialled for a program that has not been decided
// about, and the decision waits for the ClientHello.
func TestNoDialBefore(t *testing.T) {
	serve(t, "93.184.216.34:443", echo)
	w := newWorld(t, mode(network.Filtered, "good.example"), func(_ *world, _ *Options, l *limits) { l.handshake /= 5 })
	c := w.mustTo("good.example:443")
	// The beginning of a ClientHello, and no more.
	if _, err := io.WriteString(c, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"); err != nil {
		t.Fatal(err)
	}
	if err := isReset(c); err != nil {
		t.Error(err)
	}
	if e := w.lastEvent(Fail, 1); !strings.Contains(e.Why, "ClientHello") {
		t.Errorf("%+v", e)
	}
	if d := w.dials(); len(d) > 0 {
		t.Error(d)
	}
}
