package own

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// insideEnv: this binary runs in namespaces of its own. cannotEnv: it cannot,
// for this reason.
const (
	insideEnv = "JAIL_TEST_INSIDE"
	cannotEnv = "JAIL_TEST_CANNOT"
)

// TestMain runs the tests as root of a user and a network namespace of their
// own.
func TestMain(m *testing.M) {
	if os.Getenv(insideEnv) != "" {
		os.Exit(m.Run())
	}
	c := exec.Command("/proc/self/exe", os.Args[1:]...)
	c.Env = append(os.Environ(), insideEnv+"=1")
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	err := c.Start()
	if err == nil {
		err = c.Wait()
	} else if why := "no user and network namespace: " + err.Error(); os.Getenv("JAIL_TEST_MUST_RUN") == "1" {
		fmt.Fprintln(os.Stderr, "cannot run here:", why)
	} else {
		os.Setenv(cannotEnv, why)
		os.Exit(m.Run())
	}
	if err != nil {
		os.Exit(1)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func network(s string) *net.IPNet {
	p := netip.MustParsePrefix(s)
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func address(s string) *netlink.Addr {
	return &netlink.Addr{IPNet: network(s), Flags: unix.IFA_F_NODAD}
}

// host is a machine with one card and routes, until the test's end.
func host(t testing.TB) (lo, card netlink.Link) {
	t.Helper()
	if why := os.Getenv(cannotEnv); why != "" {
		t.Skip(why)
	}
	lo, err := netlink.LinkByName("lo")
	must(t, err)
	must(t, netlink.LinkSetUp(lo))
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "card"}, PeerName: "other"}))
	for _, name := range []string{"card", "other"} {
		card, err = netlink.LinkByName(name)
		must(t, err)
		must(t, netlink.LinkSetUp(card))
	}
	card, err = netlink.LinkByName("card")
	must(t, err)
	t.Cleanup(func() { must(t, netlink.LinkDel(card)) })
	for _, s := range []string{"93.184.216.34/24", "2606:2800:220::34/64", "10.1.2.3/8"} {
		must(t, netlink.AddrAdd(card, address(s)))
	}
	await(t, "[2606:2800:220::34]:80")
	return lo, card
}

func route(t testing.TB, l netlink.Link, kind, table int, to string) {
	t.Helper()
	r := &netlink.Route{Dst: network(to), Type: kind, Table: table}
	switch kind {
	case unix.RTN_LOCAL:
		r.Scope = unix.RT_SCOPE_HOST
		if table == 0 {
			r.Table = unix.RT_TABLE_LOCAL
		}
	case unix.RTN_BROADCAST:
		r.Scope = unix.RT_SCOPE_LINK
	}
	if l != nil {
		r.LinkIndex = l.Attrs().Index
	}
	if err := netlink.RouteAdd(r); err != nil {
		t.Fatalf("route to %s: %v", to, err)
	}
	t.Cleanup(func() { _ = netlink.RouteDel(r) })
}

func is1(t testing.TB, to string) bool {
	t.Helper()
	own, err := Is(netip.MustParseAddrPort(to))
	if err != nil {
		t.Errorf("%s: %v", to, err)
	}
	return own
}

// await waits until an address that was added is this host's: the kernel takes
// its time with one of IPv6.
func await(t testing.TB, to string) {
	t.Helper()
	for n := 0; !is1(t, to); n++ {
		if n == 1000 {
			t.Fatalf("%s is not this host's", to)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestIs(t *testing.T) {
	lo, card := host(t)
	onLo := address("8.8.4.4/32")
	must(t, netlink.AddrAdd(lo, onLo))
	t.Cleanup(func() { must(t, netlink.AddrDel(lo, onLo)) })
	route(t, lo, unix.RTN_LOCAL, 0, "55.0.0.0/8")
	route(t, lo, unix.RTN_LOCAL, 0, "2607:1::/32")
	route(t, card, unix.RTN_ANYCAST, 0, "2607:2::1/128")
	route(t, card, unix.RTN_BROADCAST, 0, "77.7.7.7/32")
	route(t, card, unix.RTN_UNICAST, 0, "1.0.0.0/8")
	route(t, card, unix.RTN_UNICAST, 0, "2001:4860::/32")
	route(t, nil, unix.RTN_UNREACHABLE, 0, "2.0.0.0/8")
	route(t, nil, unix.RTN_PROHIBIT, 0, "3.0.0.0/8")
	route(t, nil, unix.RTN_UNREACHABLE, 0, "2607:3::/32")
	route(t, nil, unix.RTN_PROHIBIT, 0, "2607:4::/32")
	for to, want := range map[string]bool{
		"127.0.0.1:80": true, "127.9.9.9:80": true, "[::1]:80": true, "0.0.0.0:80": true,
		"93.184.216.34:80": true, "93.184.216.34:65535": true, "[::ffff:93.184.216.34]:80": true, "10.1.2.3:80": true, "8.8.4.4:80": true, "[2606:2800:220::34]:80": true,
		"55.1.2.3:80": true, "[2607:1::7]:80": true, "[2607:2::1]:80": true,
		"93.184.216.255:80": true, "77.7.7.7:80": true,
		"93.184.216.35:80": false, "10.1.2.4:80": false, "8.8.4.5:80": false, "[2606:2800:220::35]:80": false, "1.2.3.4:80": false, "[2001:4860::1]:80": false,
		// No way there, or none that is allowed.
		"9.9.9.9:80": false, "[2620::9]:80": false, "2.1.1.1:80": false, "3.1.1.1:80": false, "[2607:3::1]:80": false, "[2607:4::1]:80": false,
	} {
		if is1(t, to) != want {
			t.Errorf("%s: not %v", to, want)
		}
	}
	// What cannot be told apart from a question that was not understood.
	for prefix, a := range map[string]string{"4.0.0.0/8": "4.1.1.1", "2607:5::/32": "2607:5::1"} {
		route(t, nil, unix.RTN_BLACKHOLE, 0, prefix)
		if own, err := Is(netip.AddrPortFrom(netip.MustParseAddr(a), 80)); err == nil || own || !strings.Contains(err.Error(), "is "+a+" an address of this host?") {
			t.Error(own, err)
		}
	}
	if _, err := Is(netip.AddrPort{}); err == nil {
		t.Error("no address is somebody's")
	}
}

// TestIsNow: the answer is of this moment.
func TestIsNow(t *testing.T) {
	_, card := host(t)
	route(t, card, unix.RTN_UNICAST, 0, "1.0.0.0/8")
	route(t, card, unix.RTN_UNICAST, 0, "2001:4860::/32")
	for _, s := range []string{"1.2.3.4/32", "2001:4860::7/128"} {
		to := netip.AddrPortFrom(netip.MustParsePrefix(s).Addr(), 80).String()
		for range 3 {
			if is1(t, to) {
				t.Errorf("%s before", to)
			}
			must(t, netlink.AddrAdd(card, address(s)))
			await(t, to)
			must(t, netlink.AddrDel(card, address(s)))
		}
	}
}

// TestPolicyRouting: rules decide as they do for connect(2).
func TestPolicyRouting(t *testing.T) {
	const table = 100
	lo, card := host(t)
	route(t, card, unix.RTN_UNICAST, 0, "1.0.0.0/8")
	route(t, lo, unix.RTN_LOCAL, table, "1.2.0.0/16")
	if is1(t, "1.2.3.4:80") {
		t.Error("a table that nothing leads to")
	}
	uid := uint32(os.Getuid())
	for what, set := range map[string]func(*netlink.Rule){
		"port":         func(r *netlink.Rule) { r.Dport = netlink.NewRulePortRange(81, 81) },
		"protocol":     func(r *netlink.Rule) { r.IPProto = unix.IPPROTO_TCP },
		"user":         func(r *netlink.Rule) { r.UIDRange = netlink.NewRuleUIDRange(uid, uid) },
		"another port": func(r *netlink.Rule) { r.Dport = netlink.NewRulePortRange(82, 99) },
		"another protocol": func(r *netlink.Rule) {
			r.IPProto = unix.IPPROTO_UDP
		},
		// As for a transparent proxy.
		"mark": func(r *netlink.Rule) { r.Mark = 1 },
	} {
		r := netlink.NewRule()
		r.Priority, r.Table, r.Family = 1000, table, unix.AF_INET
		set(r)
		must(t, netlink.RuleAdd(r))
		want := what == "port" || what == "protocol" || what == "user"
		if is1(t, "1.2.3.4:81") != want {
			t.Errorf("%s: not %v", what, want)
		}
		must(t, netlink.RuleDel(r))
	}
}

// TestConnects: what is this host's is what a connection ends on this host for.
func TestConnects(t *testing.T) {
	lo, _ := host(t)
	route(t, lo, unix.RTN_LOCAL, 0, "55.0.0.0/8")
	l, err := net.Listen("tcp", "[::]:0")
	must(t, err)
	defer l.Close()
	port := netip.MustParseAddrPort(l.Addr().String()).Port()
	for _, a := range []string{"127.0.0.1", "::1", "93.184.216.34", "2606:2800:220::34", "10.1.2.3", "55.1.2.3", "9.9.9.9", "2620::9"} {
		to := netip.AddrPortFrom(netip.MustParseAddr(a), port).String()
		c, err := net.Dial("tcp", to)
		if err == nil {
			c.Close()
		}
		if (err == nil) != is1(t, to) {
			t.Errorf("%s: %v", to, err)
		}
	}
}

// TestNoSocket: without an answer there is an error.
func TestNoSocket(t *testing.T) {
	host(t)
	var l unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &l))
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: l.Max}))
	_, err := Is(netip.MustParseAddrPort("9.9.9.9:80"))
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &l))
	if err == nil {
		t.Error("an answer without a socket")
	}
}

// TestAnswer: what is not an answer is none.
func TestAnswer(t *testing.T) {
	message := func(kind uint16, seq uint32, body ...byte) []byte {
		b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
		b = binary.NativeEndian.AppendUint16(b, kind)
		b = binary.NativeEndian.AppendUint16(b, 0)
		b = binary.NativeEndian.AppendUint32(b, seq)
		return append(binary.NativeEndian.AppendUint32(b, 0), body...)
	}
	local := []byte{2, 32, 0, 0, 0, 0, 0, unix.RTN_LOCAL, 0, 0, 0, 0}
	if own, err := answer(message(unix.RTM_NEWROUTE, ask, local...)); err != nil || !own {
		t.Error(own, err)
	}
	unknown := []byte{2, 32, 0, 0, 0, 0, 0, 99, 0, 0, 0, 0}
	if own, err := answer(message(unix.RTM_NEWROUTE, ask, unknown...)); err != nil || !own {
		t.Error("a type of later kernels:", own, err)
	}
	for what, b := range map[string][]byte{
		"nothing": nil, "half": message(unix.RTM_NEWROUTE, ask, local[:8]...), "another's": message(unix.RTM_NEWROUTE, ask+1, local...),
		"another type": message(unix.RTM_NEWADDR, ask, local...), "no error": message(unix.NLMSG_ERROR, ask, make([]byte, 20)...),
	} {
		if own, err := answer(b); err == nil || own {
			t.Errorf("%s: %v, %v", what, own, err)
		}
	}
}

func BenchmarkIs(b *testing.B) {
	host(b)
	for _, to := range []string{"93.184.216.35:443", "93.184.216.34:443", "[2606:2800:220::35]:443"} {
		a := netip.MustParseAddrPort(to)
		b.Run(to, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Is(a); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
