package network

import (
	"slices"
	"testing"
)

// TestSix: which rules are of IPv6.
func TestSix(t *testing.T) {
	c := Config{Mode: Filtered, Via: ViaRedirect, TLS: TLSStrict, Allow: []string{"example.org", "10.0.0.1:80", "[2001:db8::1]:443", "2001:db8::/32", "host:5432"}}
	if got := c.Six(); !slices.Equal(got, []string{"[2001:db8::1]:443", "2001:db8::/32"}) {
		t.Errorf("%q", got)
	}
}

// TestBridges: a configuration has none, or some that there are.
func TestBridges(t *testing.T) {
	for b, want := range map[Bridges]bool{
		{}: false, {Open: BridgeAsk}: true, {Open: BridgeAlways, Clipboard: BridgeImages, Notify: true}: true, {Notify: true}: true,
		{Display: DisplayWayland}: true, {Display: DisplayX11}: true, {Display: DisplayX11Trusted}: true, {Display: "x"}: false, {IDE: IDEContext}: true, {IDE: IDEDiffs}: true, {IDE: "all"}: false, {IDE: BridgeOff}: false,
		{Open: BridgeOff}: false, {Open: "x"}: false, {Clipboard: "text"}: false, {Clipboard: BridgeOff, Notify: true}: false,
	} {
		c := Config{Mode: None, Via: ViaRedirect, TLS: TLSStrict, Bridges: &b}
		text, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if n, err := Decode(text); (err == nil) != want || want && *n.Bridges != b {
			t.Errorf("%+v: %v", b, err)
		}
	}
}

// TestFixed: a configuration names lists that there are, and asks nobody who may not
// say yes.
func TestFixed(t *testing.T) {
	c := Config{Mode: Filtered, Via: ViaRedirect, TLS: TLSStrict, Fixed: []string{FixedPorts}, Ask: true}
	if _, err := c.Parse(); err != nil {
		t.Error(err)
	}
	for _, fixed := range [][]string{{FixedAllow}, {"deny"}, {""}} {
		c.Fixed = fixed
		if _, err := c.Parse(); err == nil {
			t.Errorf("%q is taken", fixed)
		}
	}
}
