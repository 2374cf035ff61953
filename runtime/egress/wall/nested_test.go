package wall

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// TestNested: root of a user namespace below sees no table and changes none,
// nor routes, addresses or the listeners' ports.
func TestNested(t *testing.T) {
	j := newJail(t)
	j.build(t, network.ViaRedirect)
	var out []byte
	var err error
	j.do(func() {
		c := exec.Command("/proc/self/exe")
		c.Env = append(os.Environ(), partEnv+"=nested")
		c.SysProcAttr = newUser(0)
		out, err = c.CombinedOutput()
	})
	if err != nil || strings.TrimSpace(string(out)) != "all refused" {
		t.Errorf("%v: %s", err, out)
	}
	// The same as root of the namespace itself works: the attempts are real.
	j.do(func() {
		for what, attempt := range attempts() {
			if err := attempt(); err != nil && what != "listen on 198.18.0.1:1023" && what != "listen on 127.0.0.1:53" {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

func attempts() map[string]func() error {
	listen := func(at string) func() error {
		return func() error {
			l, err := net.Listen("tcp4", at)
			if err == nil {
				l.Close()
			}
			return err
		}
	}
	return map[string]func() error{
		"list tables": func() error {
			c, err := nftables.New()
			if err != nil {
				return err
			}
			all, err := c.ListTables()
			if err == nil && len(all) == 0 {
				err = errors.New("none is seen")
			}
			return err
		},
		"add a table": func() error {
			c, err := nftables.New()
			if err != nil {
				return err
			}
			c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "mine"})
			return c.Flush()
		},
		"list rules": func() error {
			c, err := nftables.New()
			if err != nil {
				return err
			}
			_, err = c.GetRules(&nftables.Table{Family: nftables.TableFamilyINet, Name: "jail"}, &nftables.Chain{Name: "output"})
			return err
		},
		"add an address":            addAddress,
		"listen on 198.18.0.1:1023": listen("198.18.0.1:1023"),
		"listen on 127.0.0.1:53":    listen("127.0.0.1:53"),
		"listen on 127.0.0.1:1000":  listen("127.0.0.1:1000"),
	}
}

func nested() int {
	for what, attempt := range attempts() {
		if err := attempt(); err == nil {
			fmt.Println(what, "was possible")
			return 1
		}
	}
	fmt.Println("all refused")
	return 0
}

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

// routeIPv6 gives lo IPv6 addresses, and one of them a service.
func routeIPv6() (net.Listener, error) {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return nil, err
	}
	for _, a := range []string{"fd00::1/128", "fd00::2/128"} {
		n, err := netlink.ParseAddr(a)
		if err != nil {
			return nil, err
		}
		n.Flags = unix.IFA_F_NODAD // usable at once
		if err := netlink.AddrAdd(lo, n); err != nil {
			return nil, err
		}
	}
	return net.Listen("tcp6", "[fd00::2]:443")
}
