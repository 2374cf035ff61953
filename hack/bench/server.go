package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jailed-claude/jailed-claude/hack/bench/client"
)

// The outer world of the benchmark: one name and one address that looks
// public, which bench.sh gives to the loopback device of a network namespace
// of its own. Nothing ever leaves that.
const (
	outerName    = "bench.example"
	outerAddress = "93.184.216.34"
	// outerRule allows a jail what is not the internet's but this host's own.
	outerRule = outerAddress + ":*"
)

// server is what clients in the jails talk to.
type server struct {
	listener net.Listener
	port     int
}

func (b *bench) outside() (*server, error) {
	l, err := net.Listen("tcp", outerAddress+":0")
	if err != nil {
		return nil, fmt.Errorf("bench.sh makes a network that has %s: %w", outerAddress, err)
	}
	s := &server{listener: l, port: l.Addr().(*net.TCPAddr).Port}
	go s.serve()
	return s, nil
}

func (s *server) close() { _ = s.listener.Close() }

func (s *server) serve() {
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

// loopback alone.
func forward(l net.Listener, to string) {
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
