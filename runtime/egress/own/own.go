// Package own tells the addresses of this host from those of others.
//
// It asks the kernel where it would route a connection, as connect(2) does: the
// answer is of this moment, and holds for addresses of every interface, for
// routes of type local without an address (AnyIP), and for rules of policy
// routing by user, protocol and port. A list of the interfaces' addresses
// would know neither of the last two, and would have to be kept up to date.
// It also opens ports of this host's loopback.
//
// What does not belong here: what may be reached.
package own

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// ask has the number of the question; each has a socket of its own.
const ask = 1

// Is reports whether a TCP connection from this process would end on this host
// itself, in the network namespace of the calling thread. It is false for what
// no route leads to. With an error it is not known.
func Is(to netip.AddrPort) (bool, error) {
	own, err := is(to)
	if err != nil {
		return false, fmt.Errorf("is %s an address of this host? %w", to.Addr(), err)
	}
	return own, nil
}

func is(to netip.AddrPort) (bool, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return false, os.NewSyscallError("netlink socket", err)
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, question(to), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return false, os.NewSyscallError("netlink sendto", err)
	}
	var buf [4096]byte
	// The kernel has answered before sendto returned: there is nothing to wait
	// for.
	n, from, err := unix.Recvfrom(fd, buf[:], unix.MSG_DONTWAIT)
	if err != nil {
		return false, os.NewSyscallError("netlink recvfrom", err)
	}
	if k, ok := from.(*unix.SockaddrNetlink); !ok || k.Pid != 0 {
		return false, errors.New("an answer that is not the kernel's")
	}
	return answer(buf[:n])
}

// question is an RTM_GETROUTE (rtnetlink(7)).
func question(to netip.AddrPort) []byte {
	a := to.Addr().Unmap().WithZone("")
	family := byte(unix.AF_INET6)
	if a.Is4() {
		family = unix.AF_INET
	}
	b := make([]byte, unix.SizeofNlMsghdr, 96)
	b = append(b, family, byte(a.BitLen()))
	b = append(b, make([]byte, unix.SizeofRtMsg-2)...)
	attribute := func(kind uint16, value []byte) {
		b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+len(value)))
		b = binary.NativeEndian.AppendUint16(b, kind)
		b = append(b, value...)
		b = append(b, make([]byte, -len(value)&3)...)
	}
	// The user is the calling thread's where none is given.
	attribute(unix.RTA_DST, a.AsSlice())
	attribute(unix.RTA_IP_PROTO, []byte{unix.IPPROTO_TCP})
	attribute(unix.RTA_DPORT, binary.BigEndian.AppendUint16(nil, to.Port()))
	binary.NativeEndian.PutUint32(b[0:], uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], unix.RTM_GETROUTE)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST)
	binary.NativeEndian.PutUint32(b[8:], ask)
	return b
}

// answer reads what the kernel says: a route, or why there is none.
func answer(b []byte) (bool, error) {
	// rtm_type is the last byte of a struct rtmsg before its flags.
	const kind = unix.SizeofNlMsghdr + 7
	if len(b) < unix.SizeofNlMsghdr+unix.SizeofRtMsg || binary.NativeEndian.Uint32(b[8:]) != ask {
		return false, errors.New("an answer to something else")
	}
	switch binary.NativeEndian.Uint16(b[4:]) {
	case unix.NLMSG_ERROR:
		err := unix.Errno(-int32(binary.NativeEndian.Uint32(b[unix.SizeofNlMsghdr:])))
		switch err {
		case unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EACCES:
			return false, nil // connect(2) says the same
		}
		return false, os.NewSyscallError("RTM_GETROUTE", err)
	case unix.RTM_NEWROUTE:
	default:
		return false, errors.New("an answer of another type")
	}
	switch b[kind] {
	case unix.RTN_UNICAST, unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT, unix.RTN_BLACKHOLE:
		return false, nil
	}
	// RTN_LOCAL; RTN_BROADCAST, RTN_ANYCAST and RTN_MULTICAST include this
	// host.
	return true, nil
}
