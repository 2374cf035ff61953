package wall

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// TestSix: with a route for IPv6 all TCP of it gets to the relay, which is told where
// to; ::1 is the jail's own, and nothing else of IPv6 goes anywhere, not even to
// somebody who took the address.
func TestSix(t *testing.T) {
	j := newJail(t)
	w, err := Build(j.netns, network.ViaRedirect, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	if w.Relay6 == nil {
		t.Skip("this kernel has no IPv6")
	}
	var taken net.Listener
	j.do(func() {
		lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
			return c.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_IPV6, unix.IPV6_FREEBIND, 1) })
		}}
		taken, err = lc.Listen(t.Context(), "tcp6", "[2001:db8::1]:443")
	})
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, to := range []string{"[2001:db8::1]:443", "[2606:4700::1111]:22", "[fd00::1]:80", "[64:ff9b::808:808]:443", "[2001:2::1]:8080"} {
		j.arrives(t, w.Relay6, "tcp6", to, to)
	}
	// IPv4 is as ever.
	j.arrives(t, w.Relay, "tcp4", "93.184.216.34:443", "93.184.216.34:443")
	if _, err := j.dial("tcp6", "[2001:4860:4860::8888]:53"); !errors.Is(err, unix.ECONNREFUSED) {
		t.Error("a name server by TCP:", err)
	}
	for _, to := range []string{"[2001:db8::1]:443", "[2001:4860:4860::8888]:53", "[2001:2::1]:1023", "[ff02::1%lo]:5353", "[fe80::1%lo]:53"} {
		j.nowhere(t, to)
	}
	// The jail's own loopback is alone with it.
	var l net.Listener
	j.do(func() { l, err = net.Listen("tcp6", "[::1]:0") })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	j.arrives(t, l, "tcp6", l.Addr().String(), "")
}
