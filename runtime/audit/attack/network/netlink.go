package network

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// NetlinkAttacks change the jail's own network, or listen to the kernel.
func NetlinkAttacks() []attack.Attack {
	var all []attack.Attack
	add := func(name, source, success string, run func(*attack.Env) attack.Result) {
		all = append(all, networked("netlink", name, source, success, run, nil))
	}
	ask := func(name, source, success string, family int, kind uint16, body []byte) {
		add(name, source, success, func(*attack.Env) attack.Result {
			return attack.Unless(request(family, kind, body), "the kernel did it")
		})
	}
	index := make([]byte, 16) // struct ifinfomsg, all of no interface
	add("add-link", "rtnetlink(7)", "the jail has another interface", func(*attack.Env) attack.Result {
		// Of a kind that there is not: the permission is looked at before.
		err := request(unix.NETLINK_ROUTE, unix.RTM_NEWLINK, slices.Concat(index, attribute(unix.IFLA_LINKINFO, attribute(unix.IFLA_INFO_KIND, []byte("jailed-claude\x00")))))
		if errors.Is(err, unix.EOPNOTSUPP) {
			err = nil
		}
		return attack.Unless(err, "it may have one")
	})
	loDown := make([]byte, 16)
	binary.NativeEndian.PutUint32(loDown[4:], 1)
	binary.NativeEndian.PutUint32(loDown[12:], 0) // no flag is changed
	ask("change-link", "rtnetlink(7)", "an interface of the jail is changed", unix.NETLINK_ROUTE, unix.RTM_SETLINK, slices.Concat(loDown, attribute(unix.IFLA_MTU, []byte{0, 0, 1, 0})))
	address := []byte{unix.AF_INET, 32, 0, 0, 1, 0, 0, 0}
	ask("add-address", "rtnetlink(7)", "the jail has another address", unix.NETLINK_ROUTE, unix.RTM_NEWADDR, append(address, attribute(unix.IFA_LOCAL, []byte{192, 0, 2, 77})...))
	route := []byte{unix.AF_INET, 32, 0, 0, unix.RT_TABLE_MAIN, unix.RTPROT_STATIC, unix.RT_SCOPE_LINK, unix.RTN_UNICAST, 0, 0, 0, 0}
	ask("add-route", "rtnetlink(7)", "the jail has another route", unix.NETLINK_ROUTE, unix.RTM_NEWROUTE, append(append(route, attribute(unix.RTA_DST, []byte{192, 0, 2, 78})...), attribute(unix.RTA_OIF, []byte{1, 0, 0, 0})...))
	rule := []byte{unix.AF_INET, 0, 0, 0, 253, 0, 0, 1, 0, 0, 0, 0}
	ask("add-rule", "rtnetlink(7)", "the jail has another routing rule", unix.NETLINK_ROUTE, unix.RTM_NEWRULE, append(rule, attribute(6, []byte{0xff, 0x7f, 0, 0})...))
	ask("add-neighbour", "rtnetlink(7)", "the jail has another neighbour", unix.NETLINK_ROUTE, unix.RTM_NEWNEIGH, append([]byte{unix.AF_INET, 0, 0, 0, 1, 0, 0, 0, 0x80, 0, 0, 0}, attribute(1, []byte{192, 0, 2, 79})...))
	add("add-queue", "CVE-2023-32233's neighbours; tc(8)", "the jail has another queueing discipline", func(*attack.Env) attack.Result {
		// Of a kind that there is not: the permission is looked at before.
		lo := make([]byte, 20) // struct tcmsg
		binary.NativeEndian.PutUint32(lo[4:], 1)
		binary.NativeEndian.PutUint32(lo[12:], 0xffffffff) // TC_H_ROOT
		err := request(unix.NETLINK_ROUTE, unix.RTM_NEWQDISC, slices.Concat(lo, attribute(1, []byte("jailed-claude\x00"))))
		if errors.Is(err, unix.ENOENT) {
			err = nil
		}
		return attack.Unless(err, "it may have one")
	})
	ask("read-rules", "CVE-2022-32250's neighbours; nft(8)", "the rules of nftables are read", unix.NETLINK_NETFILTER, 10<<8|1, []byte{unix.AF_INET, 0, 0, 0}) // NFT_MSG_GETTABLE
	add("change-rules", "nft(8)", "the rules of nftables are changed", func(*attack.Env) attack.Result { return attack.Unless(changeRules(), "the kernel did it") })
	ask("conntrack", "conntrack(8)", "connections are tracked", unix.NETLINK_NETFILTER, 1<<8|1, []byte{unix.AF_INET, 0, 0, 0})
	ask("ipsec", "CVE-2017-16939", "a policy of IPsec is read", unix.NETLINK_XFRM, 0x15, make([]byte, 64)) // XFRM_MSG_GETPOLICY
	all = append(all, attack.Attack{Name: "audit-messages", Class: "netlink", Promise: attack.PromisePrivilege, Source: "audit(8)", Success: "a message of the jail's is in the host's audit log", Run: func(*attack.Env) attack.Result {
		return attack.Unless(request(unix.NETLINK_AUDIT, 1000, nil), "the kernel did it") // AUDIT_GET
	}})
	for _, g := range []struct {
		name, source  string
		family        int
		groups        uint32
		success       string
		notOfTheHosts bool
	}{
		{"device-events", "udev(7)", unix.NETLINK_KOBJECT_UEVENT, 1, "devices that appear on the host are seen", true},
		{"process-events", "cn_proc of the kernel", unix.NETLINK_CONNECTOR, 1, "every program of the host is seen", false},
	} {
		add(g.name, g.source, g.success, func(e *attack.Env) attack.Result {
			fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, g.family)
			if err != nil {
				return attack.HeldBy("%s", attack.Plain(err))
			}
			defer unix.Close(fd)
			if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: g.groups}); err != nil {
				return attack.HeldBy("%s", attack.Plain(err))
			}
			// The kernel tells of devices in the namespaces of the initial user
			// namespace; another network has none of its messages.
			if g.notOfTheHosts && !sameNetwork(e) {
				return attack.HeldBy("no message of the host comes to this network")
			}
			if !g.notOfTheHosts && !sameNetwork(e) {
				return attack.HeldBy("the kernel listens in its own network alone")
			}
			return attack.Through("it listens")
		})
	}
	add("socket-diagnosis", "sock_diag(7)", "sockets of the host are listed", func(e *attack.Env) attack.Result {
		if !sameNetwork(e) {
			return attack.HeldBy("the network is another one")
		}
		return attack.Unless(diagnose(), "the kernel lists them")
	})
	for _, f := range []string{"ip_forward", "conf/all/route_localnet", "ip_unprivileged_port_start", "ping_group_range"} {
		add("setting-"+nameOf(f), "ip-sysctl of the kernel", "/proc/sys/net/ipv4/"+f+" can be written", func(*attack.Env) attack.Result { return attack.Opens("/proc/sys/net/ipv4/"+f, os.O_WRONLY) })
	}
	add("host-network-by-file", "ip-netns(8)", "a network namespace of the host is open", func(*attack.Env) attack.Result {
		for _, dir := range []string{"/run/netns", "/var/run/netns", "/run/docker/netns"} {
			entries, _ := os.ReadDir(dir)
			for _, entry := range entries {
				if r := attack.Enters(dir+"/"+entry.Name(), unix.CLONE_NEWNET); r.Verdict == attack.GotThrough {
					return r
				}
			}
		}
		return attack.HeldBy("there is none")
	})
	all[len(all)-1].Lacks = attack.NoEntries("/run/netns", "/var/run/netns", "/run/docker/netns")
	return all
}

// sameNetwork: the abstract socket of the bait is in the list of this network.
func sameNetwork(e *attack.Env) bool {
	return lists("/proc/net/unix", e.Sockets["abstract"]).Verdict == attack.GotThrough
}

func nameOf(f string) string { return attack.PathName.Replace(f) }

// attribute is a struct rtattr with its value.
func attribute(kind uint16, value []byte) []byte {
	b := make([]byte, 4, 8+len(value))
	binary.NativeEndian.PutUint16(b, uint16(4+len(value)))
	binary.NativeEndian.PutUint16(b[2:], kind)
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// message is a struct nlmsghdr with its body.
func message(kind, flags uint16, body []byte) []byte {
	b := make([]byte, 16, 16+len(body))
	binary.NativeEndian.PutUint32(b, uint32(16+len(body)))
	binary.NativeEndian.PutUint16(b[4:], kind)
	binary.NativeEndian.PutUint16(b[6:], flags)
	return append(b, body...)
}

// changeRules makes a table and takes it away, in one batch: outside of one
// nf_tables takes no change at all.
func changeRules() error {
	const batchBegin, batchEnd, newTable, delTable = 16, 17, 10 << 8, 10<<8 | 2 // linux/netfilter/nfnetlink.h, nf_tables.h
	nf := []byte{unix.AF_UNSPEC, 0, 0, 10}                                      // struct nfgenmsg, NFNL_SUBSYS_NFTABLES in network order
	table := append([]byte{unix.AF_INET, 0, 0, 0}, attribute(1, []byte("jailed-claude-audit\x00"))...)
	return exchange(unix.NETLINK_NETFILTER, slices.Concat(
		message(batchBegin, unix.NLM_F_REQUEST, nf),
		message(newTable, unix.NLM_F_REQUEST|unix.NLM_F_CREATE|unix.NLM_F_EXCL, table),
		message(delTable, unix.NLM_F_REQUEST|unix.NLM_F_ACK, table),
		message(batchEnd, unix.NLM_F_REQUEST, nf)))
}

// diagnose asks for a list of sockets: of TCP, of UDP, of AF_UNIX.
func diagnose() error {
	var err error
	for _, body := range [][]byte{
		// struct inet_diag_req_v2, struct unix_diag_req: family, protocol,
		// and every state.
		append([]byte{unix.AF_INET, unix.IPPROTO_TCP, 0, 0, 0xff, 0xff, 0xff, 0xff}, make([]byte, 48)...),
		append([]byte{unix.AF_INET, unix.IPPROTO_UDP, 0, 0, 0xff, 0xff, 0xff, 0xff}, make([]byte, 48)...),
		append([]byte{unix.AF_UNIX, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, make([]byte, 16)...),
	} {
		if err = exchange(unix.NETLINK_SOCK_DIAG, message(20, unix.NLM_F_REQUEST|unix.NLM_F_DUMP, body)); err == nil {
			return nil
		}
	}
	return err
}

// request sends one message, and waits for what the kernel says to it.
func request(family int, kind uint16, body []byte) error {
	return exchange(family, message(kind, unix.NLM_F_REQUEST|unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_EXCL, body))
}

// exchange sends messages, and waits for the first that the kernel says to them.
func exchange(family int, b []byte) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, family)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1})
	if err := unix.Sendto(fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	reply := make([]byte, 8192)
	n, err := unix.Read(fd, reply)
	if err != nil {
		return err
	}
	if n < 20 {
		return fmt.Errorf("%d bytes", n)
	}
	if binary.NativeEndian.Uint16(reply[4:]) != unix.NLMSG_ERROR {
		return nil
	}
	if e := int32(binary.NativeEndian.Uint32(reply[16:])); e != 0 {
		return unix.Errno(-e)
	}
	return nil
}
