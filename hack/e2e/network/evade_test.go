package network

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
)

// escape is one way out of a jail's network, as a program inside would try
// it. It returns what it got from outside, or an error.
type escape struct {
	name string
	do   func() (string, error)
	// blank: no way out where nothing is filtered either, so that the same
	// attempt without a jail proves nothing.
	blank bool
}

// patience is for what must fail at once. A time-out is a failure too: of the
// attempt, and of the test that says so.
const patience = 8 * time.Second

// evade is the part "evade": it makes every attempt and prints what came of it.
func evade([]string) int {
	out := json.NewEncoder(os.Stdout)
	for _, a := range escapes() {
		begun := time.Now()
		got, err := a.do()
		o := escapeResult{Name: a.name, Got: got, Slow: time.Since(begun) >= patience}
		if err != nil {
			o.Err = err.Error()
		}
		if out.Encode(o) != nil {
			return 1
		}
	}
	return 0
}

type escapeResult struct {
	Name, Got, Err string
	Slow           bool
}

// escapes are all of them. Names under wild.example are allowed in the tests;
// what they lead to is what matters.
func escapes() []escape {
	var all []escape
	add := func(name string, do func() (string, error)) { all = append(all, escape{name: name, do: do}) }
	blank := func(name string, do func() (string, error)) {
		all = append(all, escape{name: name, do: do, blank: true})
	}
	for _, address := range []string{
		lab.PublicB + ":443", lab.PublicB + ":80", lab.PublicB + ":22", "[" + lab.PublicV6 + "]:22", "[::ffff:" + lab.PublicB + "]:22",
		lab.Metadata + ":80", lab.Private + ":22", "192.168.1.1:80", "172.16.0.1:22", "100.64.0.1:22", "[fd00::1]:22",
	} {
		add("literal "+address, func() (string, error) { return tcp(address) })
	}
	for _, address := range []string{"127.0.0.1:5432", "127.0.0.2:5432", "[::1]:5432", "0.0.0.0:5432", "[::]:5432", "[::ffff:127.0.0.1]:5432", "localhost:5432"} {
		add("host's loopback "+address, func() (string, error) { return tcp(address) })
	}
	for _, address := range []string{lab.Own4 + ":22", lab.Own4 + ":5432", "[" + lab.Own6 + "]:22", lab.OwnLo + ":22", lab.OwnPrivate + ":22", "[::ffff:" + lab.Own4 + "]:22", lab.Own4 + ":443"} {
		add("host's own address "+address, func() (string, error) { return tcp(address) })
	}
	// The network's broadcast address: no connection can be made to it.
	blank("host's own address 93.184.220.255:22", func() (string, error) { return tcp("93.184.220.255:22") })
	add("host's own address, TCP fast open", func() (string, error) { return fastOpen(lab.Own4, 80) })
	add("host's own address, MPTCP", func() (string, error) { return multipath(lab.Own4, 22) })
	add("host's own address, allowed SNI", func() (string, error) { return hello(lab.Own4+":443", "allowed.example") })
	for _, name := range []string{
		"other.example", "OTHER.example", "other.example.", "allowed.example.other.example", "otherallowed.example", "x.allowed.example",
		"wild.example", "allowed.example..", "allowed.exampl", "a\u0430llowed.example",
	} {
		add("name "+name, func() (string, error) { return tcp(net.JoinHostPort(name, "443")) })
	}
	for _, name := range []string{"0x5db8d823", "1572395043", "0135.0270.0330.043", "93.184.55331"} {
		blank("number "+name, func() (string, error) { return tcp(net.JoinHostPort(name, "22")) })
	}
	for name := range rebinding {
		add("rebinding to "+rebinding[name][len(rebinding[name])-1], func() (string, error) { return tcp(name + ":443") })
	}
	blank("fake address that no name has", func() (string, error) { return tcp("198.18.77.77:443") })
	blank("last fake address", func() (string, error) { return tcp("198.19.255.255:443") })
	add("allowed name, another port", func() (string, error) { return tcp("allowed.example:22") })
	add("allowed name, plain HTTP on another port", func() (string, error) { return tcp("allowed.example:8080") })
	blank("host, another port", func() (string, error) { return tcp("host:22") })
	for what, sni := range map[string]string{"another name": "other.example", "no name": "", "a name below": "x.allowed.example"} {
		add("TLS that asks for "+what, func() (string, error) { return hello("allowed.example:443", sni) })
	}
	blank("no TLS on port 443", func() (string, error) {
		return tcpSay("allowed.example:443", "GET / HTTP/1.1\r\nHost: other.example\r\n\r\n")
	})
	add("allowed SNI to an address", func() (string, error) { return hello(lab.PublicB+":443", "allowed.example") })
	for _, say := range []string{"CONNECT other.example:443 HTTP/1.1\r\nHost: other.example:443\r\n\r\n", "GET http://other.example/ HTTP/1.1\r\nHost: other.example\r\n\r\n", "\x05\x01\x00\x05\x01\x00\x01\x5d\xb8\xd8\x23\x00\x50"} {
		blank(fmt.Sprintf("relay's own port, %.7q", say), func() (string, error) { return tcpSay("198.18.0.1:1023", say) })
	}
	for _, server := range []string{lab.PublicB, lab.Metadata, "127.0.0.1", lab.Private, lab.Own4} {
		add("resolver "+server+" by UDP", func() (string, error) { return ask("udp", server, "secret.tunnel.example.", dnsmessage.TypeA) })
	}
	blank("resolver by TCP", func() (string, error) { return ask("tcp", lab.PublicB, "secret.tunnel.example.", dnsmessage.TypeA) })
	for _, t := range []dnsmessage.Type{dnsmessage.TypeTXT, dnsmessage.TypeNS, dnsmessage.TypeMX, dnsmessage.TypeSRV, dnsmessage.TypeCNAME, dnsmessage.TypeALL, dnsmessage.TypeAXFR, dnsmessage.TypeAAAA, 65} {
		add("question for "+t.String(), func() (string, error) { return ask("udp", lab.PublicB, "secret.tunnel.example.", t) })
	}
	blank("DNS over TLS", func() (string, error) { return hello(lab.PublicB+":853", "dns.example") })
	add("DNS over HTTPS", func() (string, error) { return hello(lab.PublicB+":443", "dns.example") })
	for _, address := range []string{lab.PublicB + ":443", lab.PublicB + ":9999", lab.Metadata + ":9999", lab.Own4 + ":9999", "[" + lab.Own6 + "]:9999", "[" + lab.PublicV6 + "]:443", "allowed.example:443"} {
		add("UDP to "+address, func() (string, error) { return udp(address) })
	}
	for name, s := range sockets {
		all = append(all, escape{name: name, do: s, blank: true})
	}
	add("TCP fast open", func() (string, error) { return fastOpen(lab.PublicB, 80) })
	add("MPTCP", func() (string, error) { return multipath(lab.PublicB, 22) })
	add("abstract socket", func() (string, error) {
		c, err := net.Dial("unix", os.Getenv("LAB_ABSTRACT"))
		if err != nil {
			return "", err
		}
		defer c.Close()
		return "connected", nil
	})
	return all
}

// rebinding are allowed names and what they lead to, question by question.
var rebinding = map[string][]string{
	"lo.wild.example":     {"127.0.0.1"},
	"lo6.wild.example":    {"::1"},
	"zero.wild.example":   {"0.0.0.0"},
	"meta.wild.example":   {lab.Metadata},
	"ten.wild.example":    {lab.Private},
	"ula.wild.example":    {"fd00::1"},
	"mapped.wild.example": {"::ffff:127.0.0.1"},
	"cname.wild.example":  {"=ten.wild.example"},
	"turns.wild.example":  {lab.PublicA, "192.168.1.1"},
	// Public, and this host's own.
	"own.wild.example":       {lab.Own4},
	"own6.wild.example":      {lab.Own6},
	"ownlo.wild.example":     {lab.OwnLo},
	"ownmapped.wild.example": {"::ffff:" + lab.Own4},
	"owncname.wild.example":  {"=own.wild.example"},
}

// tcp connects and returns what the other side says.
func tcp(address string) (string, error) {
	if _, port, _ := net.SplitHostPort(address); port == "443" {
		host, _, _ := net.SplitHostPort(address)
		return hello(address, host)
	}
	say := ""
	if strings.HasSuffix(address, ":80") || strings.HasSuffix(address, ":8080") {
		say = "GET / HTTP/1.0\r\nHost: x\r\n\r\n"
	}
	return tcpSay(address, say)
}

func tcpSay(address, say string) (string, error) {
	c, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte(say)); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if strings.Contains(line, "lab ") || strings.HasPrefix(line, "HTTP/1.") && strings.Contains(line, " 200 ") {
		return line, nil
	}
	return "", errors.Join(err, fmt.Errorf("%q", line))
}

// hello completes a TLS handshake.
func hello(address, sni string) (string, error) {
	c, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	t := tls.Client(c, &tls.Config{InsecureSkipVerify: true, ServerName: sni}) // whoever answers is a find
	if err := t.Handshake(); err != nil {
		return "", err
	}
	return "TLS with " + t.ConnectionState().PeerCertificates[0].Subject.String(), nil
}

// ask sends a question to a server of the attacker's choice. An answer that
// says that the name exists, or anything but a refusal, is a find.
func ask(network, server, name string, t dnsmessage.Type) (string, error) {
	c, err := net.DialTimeout(network, net.JoinHostPort(server, "53"), patience)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: t, Class: dnsmessage.ClassINET}},
	}
	q, err := m.Pack()
	if err != nil {
		return "", err
	}
	if network == "tcp" {
		q = append(binary.BigEndian.AppendUint16(nil, uint16(len(q))), q...)
	}
	if _, err := c.Write(q); err != nil {
		return "", err
	}
	buf := make([]byte, 4096)
	n, err := c.Read(buf)
	if err != nil {
		return "", err
	}
	if network == "tcp" && n >= 2 {
		buf, n = buf[2:], n-2
	}
	// The lab's servers send the question back, as an echo.
	if n == len(q) && string(buf[:n]) == string(q) {
		return "echo from " + server, nil
	}
	if err := m.Unpack(buf[:n]); err != nil {
		return "", err
	}
	if m.RCode == dnsmessage.RCodeSuccess && len(m.Answers) > 0 {
		return fmt.Sprintf("%d answers", len(m.Answers)), nil
	}
	return "", errors.New(m.RCode.String())
}

func udp(address string) (string, error) {
	c, err := net.DialTimeout("udp", address, patience)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.Write([]byte("quic?")); err != nil {
		return "", err
	}
	buf := make([]byte, 16)
	n, err := c.Read(buf)
	return string(buf[:n]), err
}

// sockets are families and protocols that carry packets past a relay. That one
// can be made is a find.
var sockets = map[string]func() (string, error){
	"raw ICMP":  socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP),
	"raw IP":    socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW),
	"raw IPv6":  socket(unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_ICMPV6),
	"ping":      socket(unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_ICMP),
	"packet":    socket(unix.AF_PACKET, unix.SOCK_RAW, 0x0300),
	"vsock":     socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0),
	"Bluetooth": socket(unix.AF_BLUETOOTH, unix.SOCK_RAW, 1),
	"CAN":       socket(unix.AF_CAN, unix.SOCK_RAW, 1),
	"XDP":       socket(unix.AF_XDP, unix.SOCK_RAW, 0),
	"SCTP": func() (string, error) {
		return sent(unix.SOCK_STREAM, unix.IPPROTO_SCTP)
	},
	"UDP-Lite": func() (string, error) {
		return sent(unix.SOCK_DGRAM, unix.IPPROTO_UDPLITE)
	},
	"new route": func() (string, error) {
		return netlinkTell(unix.NETLINK_ROUTE, unix.RTM_NEWROUTE, make([]byte, unix.SizeofRtMsg))
	},
	"new link": func() (string, error) {
		return netlinkTell(unix.NETLINK_ROUTE, unix.RTM_NEWLINK, make([]byte, unix.SizeofIfInfomsg))
	},
	"rules of nftables": func() (string, error) {
		// NFT_MSG_GETTABLE: even to see them takes a privilege.
		return netlinkTell(unix.NETLINK_NETFILTER, unix.NFNL_SUBSYS_NFTABLES<<8|1, make([]byte, 4))
	},
	"new network namespace": func() (string, error) { return "unshared", unix.Unshare(unix.CLONE_NEWNET) },
	"PID 1's network namespace": func() (string, error) {
		fd, err := unix.Open("/proc/1/ns/net", unix.O_RDONLY, 0)
		if err != nil {
			return "", err
		}
		return "entered", unix.Setns(fd, unix.CLONE_NEWNET)
	},
	"own device": func() (string, error) {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR, 0)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("tun %d", fd), nil
	},
	"forged source address": func() (string, error) {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			return "", err
		}
		return "IP_TRANSPARENT", unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_TRANSPARENT, 1)
	},
	"mark": func() (string, error) {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			return "", err
		}
		return "SO_MARK", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, 1)
	},
	"listen on the relay's port": func() (string, error) {
		l, err := net.Listen("tcp", "0.0.0.0:1023")
		if err != nil {
			return "", err
		}
		return l.Addr().String(), nil
	},
	"answer for the name server": func() (string, error) {
		l, err := net.ListenPacket("udp", "198.18.0.1:53")
		if err != nil {
			return "", err
		}
		return l.LocalAddr().String(), nil
	},
	"the host's sockets in /proc/net": func() (string, error) {
		text, err := os.ReadFile("/proc/net/tcp")
		if err != nil {
			return "", err
		}
		// The lab listens on port 5432, 0x1538, of every address.
		if strings.Contains(string(text), ":1538 ") {
			return string(text), nil
		}
		return "", errors.New("not there")
	},
}

func socket(family, kind, protocol int) func() (string, error) {
	return func() (string, error) {
		fd, err := unix.Socket(family, kind, protocol)
		if err != nil {
			return "", err
		}
		defer unix.Close(fd)
		return "a socket", nil
	}
}

// sent connects by a protocol beside TCP and UDP and sends something.
func sent(kind, protocol int) (string, error) {
	fd, err := unix.Socket(unix.AF_INET, kind, protocol)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	to := &unix.SockaddrInet4{Port: 9999, Addr: netip.MustParseAddr(lab.PublicB).As4()}
	if err := unix.Connect(fd, to); err != nil {
		return "", err
	}
	_, err = unix.Write(fd, []byte("x"))
	return "sent", err
}

// netlinkTell sends one request and returns an error if the kernel has one.
func netlinkTell(family int, kind uint16, body []byte) (string, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, family)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	if kind == unix.NFNL_SUBSYS_NFTABLES<<8|1 {
		body[0] = unix.AF_INET
	}
	msg := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	msg = binary.NativeEndian.AppendUint16(msg, kind)
	flags := uint16(unix.NLM_F_REQUEST | unix.NLM_F_ACK)
	if kind == unix.NFNL_SUBSYS_NFTABLES<<8|1 {
		flags |= unix.NLM_F_DUMP
	}
	msg = binary.NativeEndian.AppendUint16(msg, flags)
	msg = binary.NativeEndian.AppendUint32(msg, 1)
	msg = binary.NativeEndian.AppendUint32(msg, 0)
	msg = append(msg, body...)
	if err := unix.Sendto(fd, msg, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return "", err
	}
	buf := make([]byte, 8192)
	n, _, err := unix.Recvfrom(fd, buf, 0)
	if err != nil {
		return "", err
	}
	if n >= 20 && binary.NativeEndian.Uint16(buf[4:]) == unix.NLMSG_ERROR {
		if e := int32(binary.NativeEndian.Uint32(buf[16:])); e != 0 {
			return "", unix.Errno(-e)
		}
	}
	return fmt.Sprintf("%d bytes", n), nil
}

// fastOpen sends data with the first packet.
func fastOpen(address string, port int) (string, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	to := &unix.SockaddrInet4{Port: port, Addr: netip.MustParseAddr(address).As4()}
	if err := unix.Sendto(fd, []byte("GET / HTTP/1.0\r\n\r\n"), unix.MSG_FASTOPEN, to); err != nil {
		return "", err
	}
	return received(fd)
}

func multipath(address string, port int) (string, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: netip.MustParseAddr(address).As4()}); err != nil {
		return "", err
	}
	return received(fd)
}

func received(fd int) (string, error) {
	tv := unix.NsecToTimeval(int64(patience))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return "", err
	}
	buf := make([]byte, 64)
	n, err := unix.Read(fd, buf)
	if err == nil && n == 0 {
		err = errors.New("closed")
	}
	return string(buf[:max(n, 0)]), err
}

// reach is the part "reach": it prints those addresses of its arguments from
// which it got something.
func reach(addresses []string) int {
	for _, a := range addresses {
		if got, err := tcp(a); err == nil {
			fmt.Println(a)
		} else {
			fmt.Fprintln(os.Stderr, a, got, err)
		}
	}
	return 0
}

// lookUp is the part "lookup": it prints what each name resolves to.
func lookUp(names []string) int {
	for _, name := range names {
		a, err := (&net.Resolver{PreferGo: true}).LookupNetIP(context.Background(), "ip", name)
		fmt.Println(name, a, err)
	}
	return 0
}
