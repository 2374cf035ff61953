package network

import (
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// SocketAttacks use other kinds of sockets than TCP.
func SocketAttacks() []attack.Attack {
	var all []attack.Attack
	add := func(name, source, success string, run func(*attack.Env) attack.Result, judge func(attack.Witness, attack.Result) attack.Result) {
		all = append(all, networked("sockets", name, source, success, run, judge))
	}
	add("abstract-stream", "CVE-2020-15257, unix(7)", "an abstract socket of the host answers", func(e *attack.Env) attack.Result { return visits(e, "unix", "@"+e.Sockets["abstract"]) }, nil)
	add("abstract-packet", "unix(7)", "an abstract socket of the host answers", func(e *attack.Env) attack.Result { return visits(e, "unixpacket", "@"+e.Sockets["abstract-packet"]) }, nil)
	add("abstract-datagram", "unix(7)", "an abstract socket of the host gets a message", func(e *attack.Env) attack.Result {
		return sends(e, "unixgram", "@"+e.Sockets["abstract-datagram"], "abstract-datagram")
	}, received("abstract-datagram"))
	add("udp-loopback", "udp(7)", "a service of the host's loopback gets a packet", func(e *attack.Env) attack.Result { return sends(e, "udp", e.Sockets["udp4"], "udp-loopback") }, received("udp-loopback"))
	add("udp-any-address", "udp(7)", "a service of the host's loopback gets a packet", func(e *attack.Env) attack.Result {
		return sends(e, "udp", withHost(e.Sockets["udp4"], "0.0.0.0"), "udp-any-address")
	}, received("udp-any-address"))
	add("udp-lan", "udp(7), QUIC", "a service on the host's address gets a packet", func(e *attack.Env) attack.Result {
		if e.Sockets["udplan"] == "" {
			return attack.Inapplicable("the host has no private address")
		}
		return sends(e, "udp", e.Sockets["udplan"], "udp-lan")
	}, received("udp-lan"))
	add("udp-lite", "udplite(7)", "a packet is sent past rules for UDP", func(e *attack.Env) attack.Result {
		return connects(e, unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_UDPLITE)
	}, nil)
	add("mptcp", "codex's filter; mptcp of the kernel", "a service of the host's loopback answers", func(e *attack.Env) attack.Result {
		return connects(e, unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP)
	}, nil)
	add("sctp", "sctp(7)", "an SCTP socket", made(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_SCTP), nil)
	all[len(all)-1].Lacks = attack.NoSocket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_SCTP)
	add("dccp", "CVE-2017-6074", "a DCCP socket", made(unix.AF_INET, 6, unix.IPPROTO_DCCP), nil)
	all[len(all)-1].Lacks = attack.NoSocket(unix.AF_INET, 6, unix.IPPROTO_DCCP)
	for _, s := range []struct {
		name, source           string
		domain, kind, protocol int
	}{
		{"raw-icmp", "raw(7)", unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP},
		{"raw-ip", "raw(7)", unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW},
		{"raw-ip6", "raw(7)", unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_ICMPV6},
		{"packet", "packet(7)", unix.AF_PACKET, unix.SOCK_RAW, 0x0300},
		{"packet-datagram", "packet(7), CVE-2020-14386", unix.AF_PACKET, unix.SOCK_DGRAM, 0x0300},
		{"vsock", "vsock(7): the machine outside of a virtual one", unix.AF_VSOCK, unix.SOCK_STREAM, 0},
		{"alg", "AF_ALG of the kernel; CVE-2019-8912", unix.AF_ALG, unix.SOCK_SEQPACKET, 0},
		{"key", "CVE-2022-27666, PF_KEY", unix.AF_KEY, unix.SOCK_RAW, 2},
		{"xdp", "AF_XDP of the kernel", unix.AF_XDP, unix.SOCK_RAW, 0},
		{"bluetooth", "CVE-2020-12351", unix.AF_BLUETOOTH, unix.SOCK_RAW, 1},
		{"can", "CVE-2021-3609", unix.AF_CAN, unix.SOCK_RAW, 1},
		{"tipc", "CVE-2021-43267", unix.AF_TIPC, unix.SOCK_SEQPACKET, 0},
		{"rds", "CVE-2010-3904", unix.AF_RDS, unix.SOCK_SEQPACKET, 0},
		{"x25", "CVE-2020-35519", unix.AF_X25, unix.SOCK_SEQPACKET, 0},
		{"nfc", "CVE-2021-23134", unix.AF_NFC, unix.SOCK_SEQPACKET, 0},
		{"kcm", "AF_KCM of the kernel", unix.AF_KCM, unix.SOCK_SEQPACKET, 0},
		{"qrtr", "AF_QIPCRTR of the kernel", unix.AF_QIPCRTR, unix.SOCK_DGRAM, 0},
		{"smc", "AF_SMC of the kernel", unix.AF_SMC, unix.SOCK_STREAM, 0},
		{"rxrpc", "AF_RXRPC of the kernel", unix.AF_RXRPC, unix.SOCK_DGRAM, unix.AF_INET},
		{"ax25", "AF_AX25 of the kernel", unix.AF_AX25, unix.SOCK_DGRAM, 0},
		{"atm", "AF_ATMPVC of the kernel", unix.AF_ATMPVC, unix.SOCK_DGRAM, 0},
		{"caif", "AF_CAIF of the kernel", unix.AF_CAIF, unix.SOCK_SEQPACKET, 0},
	} {
		all = append(all, attack.Attack{Name: "socket-" + s.name, Class: "sockets", Promise: attack.PromisePrivilege, Source: s.source, Success: "such a socket is made", Run: made(s.domain, s.kind, s.protocol), Lacks: attack.NoSocket(s.domain, s.kind, s.protocol)})
	}
	add("ping", "icmp(7): a channel past rules for TCP and UDP", "an echo request leaves the jail", func(e *attack.Env) attack.Result {
		host, _, err := net.SplitHostPort(e.Sockets["lan"])
		if err != nil {
			return attack.Inapplicable("the host has no private address")
		}
		a, err := netip.ParseAddr(host)
		if err != nil {
			return attack.Failure("%v", err)
		}
		return pings(a)
	}, nil)
	add("transparent", "IP_TRANSPARENT in ip(7)", "a socket speaks for any address", option(unix.SOL_IP, unix.IP_TRANSPARENT, 1), nil)
	add("mark", "SO_MARK in socket(7)", "packets take another route", option(unix.SOL_SOCKET, unix.SO_MARK, 1), nil)
	add("netfilter-option", "CVE-2021-22555", "rules are replaced by a socket option", func(e *attack.Env) attack.Result {
		// Legacy tables: the size is wrong, and looked at after the permission.
		r := option(unix.SOL_IP, 64, 0)(e)
		if r.Detail == "EINVAL" || r.Detail == "EFAULT" {
			return attack.Through("it came as far as the kernel's own checks: %s", r.Detail)
		}
		return r
	}, nil)
	return all
}

// made: such a socket is made. A kernel that does not know it holds as well.
func made(domain, kind, protocol int) func(*attack.Env) attack.Result {
	return func(*attack.Env) attack.Result {
		fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC, protocol)
		if err == nil {
			_ = unix.Close(fd)
		}
		return attack.Unless(err, "it was made")
	}
}

// option sets an option of a TCP socket.
func option(level, name, value int) func(*attack.Env) attack.Result {
	return func(*attack.Env) attack.Result {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return attack.HeldBy("%s", attack.Plain(err))
		}
		defer unix.Close(fd)
		return attack.Unless(unix.SetsockoptInt(fd, level, name, value), "it was set")
	}
}

// sends a message that says which attack it is.
func sends(e *attack.Env, network, address, what string) attack.Result {
	c, err := net.Dial(network, address)
	if err != nil {
		return attack.HeldBy("%s", dialError(err))
	}
	defer c.Close()
	_, err = c.Write([]byte(e.Marked(what)))
	return attack.Unless(err, "sent")
}

// received: what was sent arrived.
func received(what string) func(attack.Witness, attack.Result) attack.Result {
	return func(s attack.Witness, r attack.Result) attack.Result {
		if s.Arrived(what) {
			return attack.Through("the host received it")
		}
		if r.Verdict == attack.GotThrough {
			return attack.HeldBy("it was sent, and did not arrive")
		}
		return r
	}
}

// connects an unusual socket to the bait. One without connections only has to
// be let through by the routes of the jail.
func connects(e *attack.Env, domain, kind, protocol int) attack.Result {
	a, err := netip.ParseAddrPort(e.Sockets["tcp4"])
	if err != nil {
		return attack.Inapplicable("the host has no loopback")
	}
	fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	to := &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	if kind == unix.SOCK_DGRAM {
		if host, _, err := net.SplitHostPort(e.Sockets["lan"]); err == nil {
			if lan, err := netip.ParseAddr(host); err == nil && lan.Is4() {
				to.Addr = lan.As4()
			}
		}
		if to.Addr == a.Addr().As4() {
			return attack.Inapplicable("the host has no private address")
		}
	}
	if err := unix.Connect(fd, to); err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	if kind == unix.SOCK_DGRAM {
		_, err := unix.Write(fd, []byte("x"))
		return attack.Unless(err, "sent")
	}
	c, err := net.FileConn(f)
	if err != nil {
		b := make([]byte, 4096)
		_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1})
		n, _ := unix.Read(fd, b)
		return e.GotSecret(b[:max(n, 0)], nil)
	}
	defer c.Close()
	return hears(e, c)
}

// pings sends an echo request by the socket that needs no privilege, and waits
// for the reply.
func pings(a netip.Addr) attack.Result {
	if !a.Is4() {
		return attack.Inapplicable("the host has no private IPv4 address")
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
	if err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	defer unix.Close(fd)
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1})
	if err := unix.Sendto(fd, []byte{8, 0, 0, 0, 0, 0, 0, 1}, 0, &unix.SockaddrInet4{Addr: a.As4()}); err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	_, err = unix.Read(fd, make([]byte, 256))
	return attack.Unless(err, "the host replied")
}
