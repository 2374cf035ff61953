package names

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

func TestBook(t *testing.T) {
	b := NewBook()
	if _, ok := b.Name(network.FirstName); ok {
		t.Error("an empty book has a name")
	}
	first, ok := b.Addr("a.com")
	if !ok || first != network.FirstName {
		t.Fatal(first, ok)
	}
	second, _ := b.Addr("b.com")
	if again, _ := b.Addr("a.com"); again != first || second == first || second != netip.MustParseAddr("198.18.1.1") {
		t.Error(first, second, again)
	}
	for a, want := range map[string]string{"198.18.1.0": "a.com", "198.18.1.1": "b.com", "::ffff:198.18.1.1": "b.com"} {
		if got, ok := b.Name(netip.MustParseAddr(a)); !ok || got != want {
			t.Error(a, got, ok)
		}
	}
	for _, a := range []string{"198.18.1.2", "198.18.0.0", "198.18.0.1", "198.18.0.255", "198.17.255.255", "198.20.0.0", "127.0.0.1", "::1", "0.0.0.0", "255.255.255.255"} {
		if got, ok := b.Name(netip.MustParseAddr(a)); ok {
			t.Error(a, got)
		}
	}
	if _, ok := b.Name(netip.Addr{}); ok {
		t.Error("no address has a name")
	}
}

// TestBookFull: the last address is the range's last, and no address is given
// twice.
func TestBookFull(t *testing.T) {
	b := NewBook()
	last := netip.Addr{}
	n := 0
	for ; ; n++ {
		a, ok := b.Addr(fmt.Sprintf("%d.com", n))
		if !ok {
			break
		}
		if n > 0 && !last.Less(a) {
			t.Fatalf("%s after %s", a, last)
		}
		last = a
	}
	if n != 130816 || last != netip.MustParseAddr("198.19.255.255") {
		t.Errorf("%d names, the last is %s", n, last)
	}
	if a, ok := b.Addr("7.com"); !ok || a != netip.MustParseAddr("198.18.1.7") {
		t.Error("a full book has forgotten", a, ok)
	}
	if got, ok := b.Name(last); !ok || got != "130815.com" {
		t.Error(got, ok)
	}
}

func TestBookConcurrent(t *testing.T) {
	b := NewBook()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 500 {
				name := fmt.Sprintf("%d.com", i)
				a, ok := b.Addr(name)
				if got, found := b.Name(a); !ok || !found || got != name {
					t.Errorf("%s: %s, %s", name, a, got)
				}
			}
		})
	}
	all.Wait()
	if len(b.names) != 500 {
		t.Errorf("%d names", len(b.names))
	}
}
