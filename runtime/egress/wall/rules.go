package wall

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// route brings lo up and lets every IPv4 address be routed to it. IPv6 gets no
// route (but see route6): a connect to anything but ::1 ends with ENETUNREACH.
func route(via string) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("lo: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("lo up: %w", err)
	}
	bits := 32
	if via == network.ViaProxy {
		// On lo every address of the prefix is the namespace's own: those of
		// the brokers need no redirection then.
		bits = 24
	}
	gateway := net.IP(network.Gateway.AsSlice())
	addr := &netlink.Addr{IPNet: &net.IPNet{IP: gateway, Mask: net.CIDRMask(bits, 32)}}
	if err := netlink.AddrAdd(lo, addr); err != nil {
		return fmt.Errorf("%s on lo: %w", addr.IPNet, err)
	}
	if via == network.ViaProxy {
		return nil // what is not asked of the proxy is ENETUNREACH
	}
	err = netlink.RouteAdd(&netlink.Route{
		LinkIndex: lo.Attrs().Index, Scope: netlink.SCOPE_LINK, Src: gateway,
		Dst: &net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)},
	})
	if err != nil {
		return fmt.Errorf("default route to lo: %w", err)
	}
	return nil
}

// route6 lets every IPv6 address be routed to lo. The kernel takes a route of another
// kind to lo for one that refuses, so that all of these are the namespace's own. An
// error says that there is no IPv6 here.
func route6() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	gateway := net.IP(network.Gateway6.AsSlice())
	addr := &netlink.Addr{IPNet: &net.IPNet{IP: gateway, Mask: net.CIDRMask(128, 128)}, Flags: unix.IFA_F_NODAD}
	if err := netlink.AddrAdd(lo, addr); err != nil {
		return err
	}
	return netlink.RouteAdd(&netlink.Route{
		LinkIndex: lo.Attrs().Index, Type: unix.RTN_LOCAL, Table: unix.RT_TABLE_LOCAL, Src: gateway,
		Dst: &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)},
	})
}

// redirect loads the table, in one transaction. As nft(8) writes it:
//
//	table inet jail {
//		chain redirect {
//			type nat hook output priority dstnat; policy accept;
//			ip daddr 127.0.0.0/8 accept
//			tcp dport 53 dnat ip to 198.18.0.1:53
//			udp dport 53 dnat ip to 198.18.0.1:53
//			meta nfproto ipv4 meta l4proto tcp dnat ip to 198.18.0.1:1023
//		}
//		chain output {
//			type filter hook output priority filter; policy drop;
//			ct state established,related accept
//			ip daddr 127.0.0.0/8 accept
//			ip6 daddr ::1 accept
//			ip daddr 198.18.0.1 tcp dport { 53, 1023 } accept
//			ip daddr 198.18.0.1 udp dport 53 accept
//			meta l4proto tcp reject with tcp reset
//			reject with icmpx admin-prohibited
//		}
//		chain forward { type filter hook forward priority filter; policy drop; }
//	}
//
// With six there is besides, in the first chain and the second:
//
//	ip6 daddr ::1 accept
//	meta nfproto ipv6 tcp dport 53 accept
//	meta nfproto ipv6 meta l4proto tcp dnat ip6 to [2001:2::1]:1023
//
//	ip6 daddr 2001:2::1 tcp dport 1023 accept
//
// A name server is not asked by IPv6: to port 53 nothing is redirected, and so it is
// refused.
//
// It needs Linux 5.2, the first with NAT in inet tables.
func redirect(six bool) error {
	c, err := nftables.New(nftables.AsLasting())
	if err != nil {
		return notThere(err)
	}
	defer func() { _ = c.CloseLasting() }()
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "jail"})
	accept, drop := nftables.ChainPolicyAccept, nftables.ChainPolicyDrop
	chain := func(name string, kind nftables.ChainType, hook *nftables.ChainHook, priority *nftables.ChainPriority, policy *nftables.ChainPolicy) func(...[]expr.Any) {
		ch := c.AddChain(&nftables.Chain{Name: name, Table: table, Type: kind, Hooknum: hook, Priority: priority, Policy: policy})
		return func(parts ...[]expr.Any) {
			var all []expr.Any
			for _, p := range parts {
				all = append(all, p...)
			}
			c.AddRule(&nftables.Rule{Table: table, Chain: ch, Exprs: all})
		}
	}
	gateway := network.Gateway.AsSlice()

	nat := chain("redirect", nftables.ChainTypeNAT, nftables.ChainHookOutput, nftables.ChainPriorityNATDest, &accept)
	nat(to4(127), pass())
	nat(ipv4(), l4(unix.IPPROTO_TCP), dport(network.DNSPort), dnat(gateway, network.DNSPort))
	nat(ipv4(), l4(unix.IPPROTO_UDP), dport(network.DNSPort), dnat(gateway, network.DNSPort))
	nat(ipv4(), l4(unix.IPPROTO_TCP), dnat(gateway, network.RelayPort))
	gateway6 := network.Gateway6.AsSlice()
	if six {
		nat(to6(net.IPv6loopback), pass())
		nat(nfproto(unix.NFPROTO_IPV6), l4(unix.IPPROTO_TCP), dport(network.DNSPort), pass())
		nat(nfproto(unix.NFPROTO_IPV6), l4(unix.IPPROTO_TCP), dnat(gateway6, network.RelayPort))
	}

	out := chain("output", nftables.ChainTypeFilter, nftables.ChainHookOutput, nftables.ChainPriorityFilter, &drop)
	out(established(), pass())
	out(to4(127), pass())
	out(to6(net.IPv6loopback), pass())
	out(to4(gateway...), l4(unix.IPPROTO_TCP), dport(network.RelayPort), pass())
	out(to4(gateway...), l4(unix.IPPROTO_TCP), dport(network.DNSPort), pass())
	out(to4(gateway...), l4(unix.IPPROTO_UDP), dport(network.DNSPort), pass())
	if six {
		out(to6(gateway6), l4(unix.IPPROTO_TCP), dport(network.RelayPort), pass())
	}
	// A packet that is dropped in output fails the call that sends it, with
	// EPERM; TCP needs the reset, it would try again for two minutes.
	out(l4(unix.IPPROTO_TCP), []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_TCP_RST}})
	out([]expr.Any{&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED}})

	chain("forward", nftables.ChainTypeFilter, nftables.ChainHookForward, nftables.ChainPriorityFilter, &drop)
	// The socket stays in this namespace, whatever thread it is used on, and this
	// goroutine is locked to its own: the library waits for another one at every
	// message, and that would each time be a switch of threads.
	flushed := make(chan error)
	go func() { flushed <- c.Flush() }()
	return notThere(<-flushed)
}

// notThere marks what a kernel without nf_tables answers: no such protocol
// (nfnetlink), no such subsystem, no such type of chain or expression.
func notThere(err error) error {
	for _, n := range []unix.Errno{unix.EPROTONOSUPPORT, unix.EAFNOSUPPORT, unix.EOPNOTSUPP, unix.ENOENT, unix.EINVAL} {
		if errors.Is(err, n) {
			return fmt.Errorf("%w: %w", ErrNoNFTables, err)
		}
	}
	if err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	return nil
}

func is(data ...byte) expr.Any {
	return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data}
}

func nfproto(family byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, is(family)}
}

func ipv4() []expr.Any { return nfproto(unix.NFPROTO_IPV4) }

// to4 matches an IPv4 destination that begins with these bytes.
func to4(b ...byte) []expr.Any {
	return append(ipv4(), &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 16, Len: uint32(len(b))}, is(b...))
}

func to6(ip net.IP) []expr.Any {
	return append(nfproto(unix.NFPROTO_IPV6), &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 24, Len: 16}, is(ip...))
}

func l4(proto byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, is(proto)}
}

// dport follows l4.
func dport(port uint16) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		is(binary.BigEndian.AppendUint16(nil, port)...),
	}
}

func dnat(addr []byte, port uint16) []expr.Any {
	family := uint32(unix.NFPROTO_IPV4)
	if len(addr) == net.IPv6len {
		family = unix.NFPROTO_IPV6
	}
	return []expr.Any{
		&expr.Immediate{Register: 1, Data: addr},
		&expr.Immediate{Register: 2, Data: binary.BigEndian.AppendUint16(nil, port)},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: family, RegAddrMin: 1, RegProtoMin: 2},
	}
}

func established() []expr.Any {
	const states = expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: binary.NativeEndian.AppendUint32(nil, states), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
}

func pass() []expr.Any {
	return []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}
}
