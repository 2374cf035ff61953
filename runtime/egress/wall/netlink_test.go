package wall

import (
	"net"
	"testing"

	"github.com/vishvananda/netlink"
)

// clearGateway takes the address from lo again, so that Build can be repeated.
func clearGateway(t *testing.T) {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	all, err := netlink.AddrList(lo, netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if a.IP.String() == "198.18.0.1" {
			if err := netlink.AddrDel(lo, &a); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func addAddress() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	return netlink.AddrAdd(lo, &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(10, 9, 8, 7), Mask: net.CIDRMask(32, 32)}})
}
