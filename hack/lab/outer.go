package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
)

// outer is the network beyond the lab's host: a namespace with a thread of the
// lab's process, at the other end of the cable. What is listened on there
// belongs to other machines.
type outer struct {
	calls chan func()
	netns *os.File
}

// newOuter makes it within the user namespace of the lab.
func newOuter() (*outer, error) {
	o := &outer{calls: make(chan func())}
	made := make(chan error)
	var begin func()
	begin = func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The first thread's namespaces are those of the process, for
			// nsenter(1): it stays where it is, and this goroutine on it.
			go begin()
			select {}
		}
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			o.netns, err = os.Open("/proc/thread-self/ns/net")
		}
		made <- err
		for call := range o.calls {
			call()
		}
	}
	go begin()
	return o, <-made
}

// do calls f out there.
func (o *outer) do(f func() error) (err error) {
	done := make(chan struct{})
	o.calls <- func() { defer close(done); err = f() }
	<-done
	return err
}

func (o *outer) listen(network, address string) (l net.Listener, err error) {
	err = o.do(func() error { l, err = net.Listen(network, address); return err })
	return l, err
}

func (o *outer) listenPacket(network, address string) (p net.PacketConn, err error) {
	err = o.do(func() error { p, err = net.ListenPacket(network, address); return err })
	return p, err
}

// The cable between the lab's host and everything else.
const (
	hostEnd  = "lab0"
	outerEnd = "world0"
)

// network gives the host its addresses, and the world out there its own.
func network(o *outer) error {
	lo, err := linkUp("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: hostEnd}, PeerName: outerEnd, PeerNamespace: netlink.NsFd(o.netns.Fd())}); err != nil {
		return fmt.Errorf("veth: %w", err)
	}
	card, err := linkUp(hostEnd)
	if err != nil {
		return err
	}
	if err := o.do(func() error { return outerNetwork(addresses) }); err != nil {
		return err
	}
	for _, a := range []struct {
		link    netlink.Link
		address string
	}{{card, lab.Own4 + "/24"}, {card, lab.Own6 + "/64"}, {card, lab.OwnPrivate + "/24"}, {lo, lab.OwnLo + "/32"}} {
		if err := addAddress(a.link, a.address); err != nil {
			return err
		}
	}
	for _, a := range addresses {
		if err := netlink.RouteAdd(&netlink.Route{LinkIndex: card.Attrs().Index, Dst: prefix(single(a))}); err != nil {
			return fmt.Errorf("route to %s: %w", a, err)
		}
	}
	return nil
}

// outerNetwork gives the other end of the cable all these addresses.
func outerNetwork(addresses []string) error {
	if _, err := linkUp("lo"); err != nil {
		return err
	}
	card, err := linkUp(outerEnd)
	if err != nil {
		return err
	}
	for _, a := range addresses {
		if err := addAddress(card, single(a)); err != nil {
			return err
		}
	}
	for _, back := range []string{"0.0.0.0/0", "::/0"} {
		if err := netlink.RouteAdd(&netlink.Route{LinkIndex: card.Attrs().Index, Dst: prefix(back)}); err != nil {
			return fmt.Errorf("route back: %w", err)
		}
	}
	return nil
}

// getAddress gives the host an address.
func getAddress(a string) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	return addAddress(lo, single(a))
}

// ready waits until both ends know each other: the kernel takes its time
// with addresses of IPv6.
func (s *server) ready() error {
	for end := time.Now().Add(deadline); ; time.Sleep(5 * time.Millisecond) {
		var bad error
		for _, a := range []string{lab.PublicA, lab.PublicV6, lab.Own4, lab.Own6} {
			c, err := net.DialTimeout("tcp", net.JoinHostPort(a, "22"), time.Second)
			if err == nil {
				_, err = c.Read(make([]byte, 1)) // it has been noted
				_ = c.Close()
			}
			bad = errors.Join(bad, err)
		}
		if bad == nil {
			s.do(lab.Order{}) // forgotten
			return nil
		}
		if time.Now().After(end) {
			return bad
		}
	}
}

func linkUp(name string) (netlink.Link, error) {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return l, netlink.LinkSetUp(l)
}

// addAddress does without the search for duplicates, which would hold it back
// a second.
func addAddress(l netlink.Link, a string) error {
	if err := netlink.AddrAdd(l, &netlink.Addr{IPNet: prefix(a), Flags: unix.IFA_F_NODAD}); err != nil {
		return fmt.Errorf("%s: %w", a, err)
	}
	return nil
}

// single is an address as a prefix.
func single(a string) string {
	return fmt.Sprintf("%s/%d", a, netip.MustParseAddr(a).BitLen())
}

func prefix(s string) *net.IPNet {
	p := netip.MustParsePrefix(s)
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
