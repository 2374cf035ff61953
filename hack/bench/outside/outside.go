// Package outside plays what is outside of the jails that the benchmark measures.
//
// What does not belong here: what asks it (package client).
package outside

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"

	"github.com/jailed-claude/jailed-claude/hack/bench/client"
)

// Server is what clients in the jails talk to.
type Server struct {
	listener net.Listener
	// Port is where it listens.
	Port int
}

// Listen serves at an address, on a port of its own.
func Listen(address string) (*Server, error) {
	l, err := net.Listen("tcp", address+":0")
	if err != nil {
		return nil, err
	}
	s := &Server{listener: l, Port: l.Addr().(*net.TCPAddr).Port}
	go s.serve()
	return s, nil
}

// Close ends it.
func (s *Server) Close() { _ = s.listener.Close() }

func (s *Server) serve() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_ = serveOne(c)
		}()
	}
}

// serveOne does what the first byte asks for: 'd' and a number, send so many
// bytes; 'u' and a number, read so many and answer with one; 'e', echo, that
// byte included.
func serveOne(c net.Conn) error {
	r := bufio.NewReaderSize(c, 256<<10)
	op, err := r.ReadByte()
	if err != nil {
		return err
	}
	if op == 'e' {
		_, err := c.Write([]byte{op})
		if err == nil {
			_, err = io.Copy(c, r)
		}
		return err
	}
	var n uint64
	if err := binary.Read(r, binary.BigEndian, &n); err != nil {
		return err
	}
	switch op {
	case 'd':
		return client.Pour(c, int64(n))
	case 'u':
		if _, err := io.CopyN(io.Discard, r, int64(n)); err != nil {
			return err
		}
		_, err := c.Write([]byte{op})
		return err
	default:
		return errors.New("unknown request")
	}
}

// Forward passes connections on to an address: to a server that listens on the
// loopback alone.
func Forward(l net.Listener, to string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			d, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			defer d.Close()
			go func() {
				_, _ = io.Copy(d, c)
				_ = d.(*net.TCPConn).CloseWrite()
			}()
			_, _ = io.Copy(c, d)
		}()
	}
}
