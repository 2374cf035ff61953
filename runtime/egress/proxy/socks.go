package proxy

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
)

// SOCKS 5 (RFC 1928).
const (
	socksVersion = 5
	socksConnect = 1

	socksNoAuth   = 0
	socksNoMethod = 0xff

	socksIPv4 = 1
	socksName = 3
	socksIPv6 = 4

	socksOK          = 0
	socksFailure     = 1
	socksNotAllowed  = 2
	socksUnreachable = 4
	socksNoCommand   = 7
	socksNoAddress   = 8
)

// socksReply says how it went. The address, which nobody reads, is 0.0.0.0:0.
func socksReply(code byte) []byte {
	return []byte{socksVersion, code, 0, socksIPv4, 0, 0, 0, 0, 0, 0}
}

// readSOCKS reads what follows the first byte, and nothing behind the request:
// what a client sends early stays in c.
func readSOCKS(c net.Conn) (*Request, error) {
	methods, err := readCounted(c)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(methods, socksNoAuth) {
		_ = send(c, []byte{socksVersion, socksNoMethod}) // the first error counts
		return nil, fmt.Errorf("%w: SOCKS with authentication", errProtocol)
	}
	if _, err := c.Write([]byte{socksVersion, socksNoAuth}); err != nil {
		return nil, fmt.Errorf("answer a SOCKS client: %w", err)
	}
	r := &Request{conn: c, proto: socks}
	code, err := r.readSOCKSRequest()
	if err != nil && code != socksOK {
		_ = send(c, socksReply(code)) // the first error counts
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// readSOCKSRequest sets Host and Port. With an error comes the code that tells
// the client of it; socksOK where there is nobody to tell.
func (r *Request) readSOCKSRequest() (code byte, err error) {
	head, err := readN(r.conn, 4)
	if err != nil {
		return socksOK, err
	}
	switch {
	case head[0] != socksVersion, head[2] != 0:
		return socksFailure, fmt.Errorf("%w: SOCKS request % x", errProtocol, head)
	case head[1] != socksConnect:
		return socksNoCommand, fmt.Errorf("%w: SOCKS command %d", errProtocol, head[1])
	}
	var host []byte
	switch head[3] {
	case socksIPv4:
		host, err = readN(r.conn, 4)
	case socksIPv6:
		host, err = readN(r.conn, 16)
	case socksName:
		host, err = readCounted(r.conn)
	default:
		return socksNoAddress, fmt.Errorf("%w: SOCKS address type %d", errProtocol, head[3])
	}
	if err != nil {
		return socksOK, err
	}
	port, err := readN(r.conn, 2)
	if err != nil {
		return socksOK, err
	}
	r.Host, r.Port = string(host), binary.BigEndian.Uint16(port)
	if head[3] != socksName {
		a, _ := netip.AddrFromSlice(host) // of 4 or 16 bytes
		r.Host = a.String()
	} else if a, err := netip.ParseAddr(r.Host); (err != nil || a.Zone() != "") && !isHost(r.Host) {
		return socksFailure, fmt.Errorf("%w: SOCKS name %q", errProtocol, host)
	}
	if r.Port == 0 {
		return socksFailure, fmt.Errorf("%w: SOCKS port 0", errProtocol)
	}
	return socksOK, nil
}

func readN(r io.Reader, n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("read a SOCKS request: %w", err)
	}
	return b, nil
}

// readCounted reads bytes behind their number in one byte.
func readCounted(r io.Reader) ([]byte, error) {
	n, err := readN(r, 1)
	if err != nil {
		return nil, err
	}
	return readN(r, int(n[0]))
}
