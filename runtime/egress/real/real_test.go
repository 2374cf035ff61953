package real

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

func rules(t *testing.T, allow ...string) *network.Rules {
	t.Helper()
	n, err := network.Config{Mode: network.Filtered, Via: network.ViaRedirect, TLS: network.TLSStrict, Allow: allow}.Parse()
	if err != nil {
		t.Fatal(err)
	}
	return n.Rules()
}

// TestTell: what is not public, or this host's own, is not told.
func TestTell(t *testing.T) {
	var told Told
	a := netip.MustParseAddr
	own := func(a netip.Addr, _ uint16) (bool, error) {
		if a.String() == "9.9.9.9" {
			return false, errors.New("the kernel does not say")
		}
		return a.String() == "8.8.8.8", nil
	}
	all := []netip.Addr{a("127.0.0.1"), a("10.0.0.1"), a("198.18.0.1"), a("198.18.1.5"), a("169.254.169.254"), a("100.100.100.200"), a("8.8.8.8"), a("9.9.9.9"), a("2606:4700::1"), a("1.1.1.1"), a("1.0.0.1")}
	if got := told.Tell("x.example", all, own); !slices.Equal(got, []netip.Addr{a("1.1.1.1"), a("1.0.0.1")}) {
		t.Errorf("told %v", got)
	}
}

// TestName: a connection is that of a name that may be connected to; of none where
// the address was no answer, or a long time ago.
func TestName(t *testing.T) {
	var told Told
	a, r := netip.MustParseAddr("1.1.1.1"), rules(t, "web.example", "git.example:22", "2.2.2.2:25", "1.1.1.1:25")
	if n := told.Name(a, 443, true, r); n != "" {
		t.Errorf("an address that was no answer is %q", n)
	}
	now := time.Now()
	told.tell("old.example", a, now.Add(-2*toldTime))
	if n := told.Name(a, 443, true, r); n != "" {
		t.Errorf("an old answer is %q", n)
	}
	for _, n := range []string{"web.example", "git.example", "denied.example"} {
		told.tell(n, a, now)
	}
	for port, want := range map[uint16]string{443: "web.example", 22: "git.example", 80: "denied.example", 25: ""} {
		if n := told.Name(a, port, true, r); n != want {
			t.Errorf("port %d is %q, not %q", port, n, want)
		}
	}
	// In mode internet an address that stands for a name is no way around the name.
	if n := told.Name(a, 25, false, r); n != "denied.example" {
		t.Errorf("%q", n)
	}
	for name, want := range map[string]bool{"web.example": true, "git.example": false, "denied.example": false, "old.example": false, "other.example": false} {
		if told.Is(a, name, 443, r) != want {
			t.Errorf("TLS to %s: %v", name, !want)
		}
	}
}

// TestBounds: a jail uses up no more than there is for it.
func TestBounds(t *testing.T) {
	var told Told
	a, now := netip.MustParseAddr("1.1.1.1"), time.Now()
	for i := range 10 * maxNames {
		told.tell(fmt.Sprintf("n%d.example", i), a, now)
	}
	if n := told.of(a, now); len(n) != maxNames || n[0] != fmt.Sprintf("n%d.example", 10*maxNames-1) {
		t.Errorf("%d names, the last one %q", len(n), n[0])
	}
	for range maxTold {
		a = a.Next()
		told.tell("x.example", a, now)
	}
	if told.tell("x.example", a.Next(), now) {
		t.Error("there is no bound on addresses")
	}
}
