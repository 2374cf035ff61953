package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// The network modes.
const (
	netFiltered = "filtered"
	netInternet = "internet"
	netHost     = "host"
)

// soon is how long an attack waits for an answer. What is on this machine
// answers in a fraction of it.
const soon = time.Second

// networked is an attack on the promise of the network: with the host's own
// network nothing of it is promised.
func networked(class, name, source, success string, run func(*attack.Env) attack.Result, judge func(attack.Witness, attack.Result) attack.Result) attack.Attack {
	return attack.Attack{Name: name, Class: class, Promise: attack.PromiseNetwork, Source: source, Success: success, Judge: judge, Run: func(e *attack.Env) attack.Result {
		if e.Facts.Net == netHost {
			return attack.Inapplicable("the policy gives the jail the host's network")
		}
		return run(e)
	}}
}

// HostAttacks reach for services of the host and of its network.
func HostAttacks() []attack.Attack {
	var all []attack.Attack
	add := func(name, source, success string, run func(*attack.Env) attack.Result) {
		all = append(all, networked("network", name, source, success, run, nil))
	}
	const got = "a service of the host's loopback answers"
	add("loopback-tcp", "CVE-2020-15257's neighbours; ip(7)", got, func(e *attack.Env) attack.Result { return visits(e, "tcp", e.Sockets["tcp4"]) })
	add("loopback-tcp6", "ipv6(7)", got, func(e *attack.Env) attack.Result { return visits(e, "tcp", e.Sockets["tcp6"]) })
	add("loopback-other-loopback", "all of 127.0.0.0/8 is this host", got, func(e *attack.Env) attack.Result { return visits(e, "tcp", e.Sockets["tcp4other"]) })
	for _, a := range []struct{ name, host, source string }{
		{"any-address", "0.0.0.0", "0.0.0.0 is this host, CVE-2024-28224's neighbours"},
		{"any-address-6", "::", ":: is this host"},
		{"mapped", "::ffff:127.0.0.1", "IPv4-mapped addresses, ipv6(7)"},
		{"mapped-any", "::ffff:0.0.0.0", "IPv4-mapped addresses"},
		{"compatible", "::127.0.0.1", "IPv4-compatible addresses, RFC 4291"},
		{"nat64", "64:ff9b::7f00:1", "RFC 6052"},
		{"6to4", "2002:7f00:1::1", "RFC 3056"},
		{"docker-host", "172.17.0.1", "the host as containers of Docker know it"},
		{"qemu-host", "10.0.2.2", "the host as slirp4netns and QEMU have it"},
		{"pasta-host", "169.254.1.1", "the host as pasta has it"},
	} {
		add("loopback-"+a.name, a.source, got, func(e *attack.Env) attack.Result { return visits(e, "tcp", withHost(e.Sockets["tcp4"], a.host)) })
	}
	add("lan-tcp", "private ranges, RFC 1918", "a service on the host's address answers", func(e *attack.Env) attack.Result {
		if e.Sockets["lan"] == "" {
			return attack.Inapplicable("the host has no private address")
		}
		return visits(e, "tcp", e.Sockets["lan"])
	})
	add("fast-open", "MSG_FASTOPEN in tcp(7)", got, func(e *attack.Env) attack.Result { return fastOpen(e) })
	for _, name := range []string{
		"localhost", "localhost.", "LOCALHOST", "127.0.0.1", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "127.0.0.1.nip.io", "localhost.localdomain",
		"host.docker.internal", "host.containers.internal", "gateway.docker.internal", "_gateway",
	} {
		add("name-"+strings.Trim(strings.ReplaceAll(strings.ToLower(name), ".", "-"), "-")+map[bool]string{true: "-dot"}[strings.HasSuffix(name, ".")]+map[bool]string{true: "-upper"}[name == "LOCALHOST"],
			"nono issue 1675: names that lead to loopback", got, func(e *attack.Env) attack.Result { return byName(e, name) })
	}
	for _, a := range []struct{ name, address string }{{"aws", "169.254.169.254:80"}, {"aws-6", "[fd00:ec2::254]:80"}, {"ecs", "169.254.170.2:80"}, {"alibaba", "100.100.100.200:80"}, {"oracle", "192.0.0.192:80"}, {"azure", "168.63.129.16:80"}} {
		add("metadata-"+a.name, "metadata of clouds: credentials of the machine", "the metadata service takes a connection", func(*attack.Env) attack.Result {
			return answers(a.address)
		})
	}
	add("literal-public", "names only, in the mode filtered", "a connection to an address is not refused at once", func(e *attack.Env) attack.Result {
		if e.Facts.Net == netInternet {
			return attack.Inapplicable("the policy gives the jail every public address")
		}
		// TEST-NET-1 of RFC 5737 is nowhere: who refuses it does so here.
		r := answers("192.0.2.1:443")
		if r.Verdict == attack.Held && strings.Contains(r.Detail, "timeout") {
			return attack.Through("it is being tried, not refused")
		}
		return r
	})
	add("relay-connect", "leash 61c46b2: the relay as a general proxy", got, func(e *attack.Env) attack.Result {
		return relays(e, "CONNECT "+e.Sockets["tcp4"]+" HTTP/1.1\r\nHost: "+e.Sockets["tcp4"]+"\r\n\r\n")
	})
	add("relay-absolute-uri", "RFC 9112, absolute-form", got, func(e *attack.Env) attack.Result {
		return relays(e, "GET http://"+e.Sockets["tcp4"]+"/ HTTP/1.1\r\nHost: "+e.Sockets["tcp4"]+"\r\n\r\n")
	})
	add("relay-host-header", "claude-code issue 40213", got, func(e *attack.Env) attack.Result {
		return relays(e, "GET / HTTP/1.1\r\nHost: "+e.Sockets["tcp4"]+"\r\n\r\n")
	})
	add("relay-socks5", "RFC 1928", got, func(e *attack.Env) attack.Result {
		a, err := netip.ParseAddrPort(e.Sockets["tcp4"])
		if err != nil {
			return attack.Inapplicable("the host has no loopback")
		}
		ip := a.Addr().As4()
		return relays(e, "\x05\x01\x00\x05\x01\x00\x01"+string(ip[:])+string([]byte{byte(a.Port() >> 8), byte(a.Port())}))
	})
	add("relay-proxy-variable", "HTTP_PROXY", got, func(e *attack.Env) attack.Result { return byProxy(e) })
	add("see-connections", "proc_pid_net(5)", "connections of the host are listed", func(e *attack.Env) attack.Result {
		_, port, _ := net.SplitHostPort(e.Sockets["tcp4"])
		n, _ := strconv.Atoi(port)
		return lists("/proc/net/tcp", fmt.Sprintf(":%04X ", n))
	})
	add("see-abstract-sockets", "proc_pid_net(5)", "abstract sockets of the host are listed", func(e *attack.Env) attack.Result { return lists("/proc/net/unix", e.Sockets["abstract"]) })
	add("see-interfaces", "rtnetlink(7)", "interfaces of the host are listed", func(e *attack.Env) attack.Result {
		if e.Sockets["lan"] == "" {
			return attack.Inapplicable("the host has no private address")
		}
		host, _, _ := net.SplitHostPort(e.Sockets["lan"])
		addresses, err := net.InterfaceAddrs()
		if err != nil {
			return attack.HeldBy("%s", attack.Plain(err))
		}
		for _, a := range addresses {
			if strings.HasPrefix(a.String(), host+"/") {
				return attack.Through("the host's address is there")
			}
		}
		return attack.HeldBy("%d addresses, not the host's", len(addresses))
	})
	return all
}

func withHost(address, host string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	return net.JoinHostPort(host, port)
}

// visits connects and waits for the secret.
func visits(e *attack.Env, network, address string) attack.Result {
	if address == "" {
		return attack.Inapplicable("%s", attack.NoPlace)
	}
	c, err := net.DialTimeout(network, address, soon)
	if err != nil {
		return attack.HeldBy("%s", dialError(err))
	}
	defer c.Close()
	return hears(e, c)
}

func dialError(err error) string {
	if n := net.Error(nil); errors.As(err, &n) && n.Timeout() {
		return "timeout"
	}
	return attack.Plain(err)
}

// hears waits for the secret on a connection.
func hears(e *attack.Env, c net.Conn) attack.Result {
	wait := soon
	if c.LocalAddr().Network() == "unix" {
		// Nobody but the bait takes it; a busy host may take its time.
		wait = 10 * soon
	}
	_ = c.SetDeadline(time.Now().Add(wait))
	b := make([]byte, 4096)
	n := 0
	for n < len(b) {
		m, err := c.Read(b[n:])
		n += m
		if e.IsSecret(b[:n]) {
			return attack.Through("it answered with the secret")
		}
		if err != nil {
			return attack.HeldBy("connected, and then %s", dialError(err))
		}
	}
	return attack.HeldBy("something else answers")
}

// answers: somebody takes a connection and says something.
func answers(address string) attack.Result {
	c, err := net.DialTimeout("tcp", address, soon)
	if err != nil {
		return attack.HeldBy("%s", dialError(err))
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(soon))
	if _, err := c.Write([]byte("GET / HTTP/1.0\r\n\r\n")); err != nil {
		return attack.HeldBy("connected, and then %s", dialError(err))
	}
	n, err := c.Read(make([]byte, 64))
	if n > 0 {
		return attack.Through("it answered")
	}
	return attack.HeldBy("connected, and then %s", dialError(err))
}

// byName asks the jail's resolver, and goes to the bait's port of what it says.
func byName(e *attack.Env, name string) attack.Result {
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	r := &net.Resolver{PreferGo: true}
	var addresses []string
	if inet := inetAton(name); inet != "" {
		// What programs of C do with such a name (inet_aton(3)).
		addresses = append(addresses, inet)
	}
	found, err := r.LookupHost(ctx, name)
	addresses = append(addresses, found...)
	if len(addresses) == 0 {
		return attack.HeldBy("the name has no address: %s", lookupError(err))
	}
	for _, a := range addresses {
		if res := visits(e, "tcp", withHost(e.Sockets["tcp4"], a)); res.Verdict == attack.GotThrough {
			return res
		}
	}
	return attack.HeldBy("its address leads nowhere")
}

func lookupError(err error) string {
	if d := (*net.DNSError)(nil); errors.As(err, &d) {
		return d.Err
	}
	return fmt.Sprint(err)
}

// inetAton reads the spellings of IPv4 addresses that C knows.
func inetAton(s string) string {
	var parts []uint64
	for f := range strings.SplitSeq(s, ".") {
		n, err := strconv.ParseUint(f, 0, 32)
		if err != nil {
			return ""
		}
		parts = append(parts, n)
	}
	if len(parts) > 4 {
		return ""
	}
	var v uint64
	for i, n := range parts {
		if i == len(parts)-1 {
			v |= n
		} else {
			v |= n << (24 - 8*i)
		}
	}
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}).String()
}

// fastOpen sends before there is a connection.
func fastOpen(e *attack.Env) attack.Result {
	a, err := netip.ParseAddrPort(e.Sockets["tcp4"])
	if err != nil {
		return attack.Inapplicable("the host has no loopback")
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	if err := unix.Sendto(fd, []byte("x"), unix.MSG_FASTOPEN, &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}); err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	c, err := net.FileConn(f)
	if err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	defer c.Close()
	return hears(e, c)
}

// relays says something to every port of the jail's own that listens.
func relays(e *attack.Env, text string) attack.Result {
	ports := listening()
	if len(ports) == 0 {
		return attack.HeldBy("nothing listens in the jail")
	}
	for _, p := range ports {
		c, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p)), soon)
		if err != nil {
			continue
		}
		_, _ = c.Write([]byte(text))
		r := hears(e, c)
		_ = c.Close()
		if _, bait, _ := net.SplitHostPort(e.Sockets["tcp4"]); r.Verdict == attack.GotThrough && strconv.Itoa(p) != bait {
			return r
		}
	}
	return attack.HeldBy("%d ports listen, none leads there", len(ports))
}

// listening are the TCP ports of this network namespace, at most 64.
func listening() []int {
	var ports []int
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, _ := os.ReadFile(name)
		for l := range strings.Lines(string(text)) {
			f := strings.Fields(l)
			if len(f) < 4 || f[3] != "0A" { // TCP_LISTEN
				continue
			}
			_, port, _ := strings.Cut(f[1], ":")
			if n, err := strconv.ParseUint(port, 16, 16); err == nil && len(ports) < 64 && !slices.Contains(ports, int(n)) {
				ports = append(ports, int(n))
			}
		}
	}
	return ports
}

// byProxy uses the proxy that the environment names.
func byProxy(e *attack.Env) attack.Result {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		v := os.Getenv(name)
		if v == "" {
			continue
		}
		_, v, _ = strings.Cut(v, "://")
		v = v[strings.LastIndexByte(v, '@')+1:]
		c, err := net.DialTimeout("tcp", strings.TrimSuffix(v, "/"), soon)
		if err != nil {
			continue
		}
		_, _ = fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", e.Sockets["tcp4"], e.Sockets["tcp4"])
		r := hears(e, c)
		_ = c.Close()
		if r.Verdict == attack.GotThrough {
			return r
		}
	}
	return attack.HeldBy("no proxy leads there")
}

// lists: a file of /proc/net holds something.
func lists(name, what string) attack.Result {
	text, err := os.ReadFile(name)
	if err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	if what != "" && strings.Contains(string(text), what) {
		return attack.Through("it is in %s, with %d more", name, strings.Count(string(text), "\n"))
	}
	return attack.HeldBy("it is not in %s", name)
}
