package websocket

import (
	"bufio"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"
	"unicode/utf8"
)

// Opcodes of frames (RFC 6455, 5.2).
const (
	opMore  = 0
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10
)

// Socket is a web socket whose messages are texts.
type Socket struct {
	net.Conn
	// WriteTime is how long the other side may take to read a message; 0: as long as
	// the connection's own deadline.
	WriteTime time.Duration

	in   *bufio.Reader
	most int
	// client: this side is one, so it masks, and the other one does not.
	client bool
	mu     sync.Mutex // of writing
}

var errFrame = errors.New("not a web socket of texts")

// Hear is the next message; io.EOF where the other side has said that there is none.
func (s *Socket) Hear() ([]byte, error) {
	var message []byte
	begun := false
	for {
		op, last, data, err := s.frame(s.most - len(message))
		if err != nil {
			return nil, err
		}
		switch {
		case op == opClose:
			return nil, io.EOF
		case op == opPing:
			if err := s.write(opPong, data); err != nil {
				return nil, err
			}
			continue
		case op == opPong:
			continue
		case op == opText && !begun, op == opMore && begun:
			begun = true
		default:
			return nil, errFrame
		}
		message = append(message, data...)
		if !last {
			continue
		}
		if !utf8.Valid(message) {
			return nil, errFrame
		}
		return message, nil
	}
}

// frame reads one of at most so many bytes.
func (s *Socket) frame(most int) (op byte, last bool, data []byte, err error) {
	var head [2]byte
	if _, err = io.ReadFull(s.in, head[:]); err != nil {
		return 0, false, nil, err
	}
	op, last = head[0]&0xf, head[0]&0x80 != 0
	n := uint64(head[1] & 0x7f)
	masked := head[1]&0x80 != 0
	if head[0]&0x70 != 0 || masked == s.client || op >= opClose && (n > 125 || !last) {
		return 0, false, nil, errFrame
	}
	var long [8]byte
	switch n {
	case 126:
		_, err = io.ReadFull(s.in, long[6:])
		n = binary.BigEndian.Uint64(long[:])
	case 127:
		_, err = io.ReadFull(s.in, long[:])
		n = binary.BigEndian.Uint64(long[:])
	}
	if err != nil {
		return 0, false, nil, err
	}
	if op >= opClose {
		most = max(most, 125) // it comes between the parts of a message
	}
	if n > uint64(most) {
		return 0, false, nil, errors.New("a message is too long")
	}
	var mask [4]byte
	if masked {
		if _, err = io.ReadFull(s.in, mask[:]); err != nil {
			return 0, false, nil, err
		}
	}
	data = make([]byte, n)
	if _, err = io.ReadFull(s.in, data); err != nil {
		return 0, false, nil, err
	}
	if masked {
		for i := range data {
			data[i] ^= mask[i%4]
		}
	}
	return op, last, data, nil
}

// Say sends a message.
func (s *Socket) Say(text []byte) error { return s.write(opText, text) }

// Bye says that no more comes.
func (s *Socket) Bye() error { return s.write(opClose, nil) }

func (s *Socket) write(op byte, data []byte) error {
	frame := []byte{0x80 | op}
	masked := byte(0)
	if s.client {
		masked = 0x80
	}
	switch n := len(data); {
	case n < 126:
		frame = append(frame, masked|byte(n))
	case n < 1<<16:
		frame = binary.BigEndian.AppendUint16(append(frame, masked|126), uint16(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, masked|127), uint64(n))
	}
	if s.client {
		var mask [4]byte
		if _, err := rand.Read(mask[:]); err != nil {
			return err
		}
		frame = append(frame, mask[:]...)
		at := len(frame)
		frame = append(frame, data...)
		for i := range data {
			frame[at+i] ^= mask[i%4]
		}
	} else {
		frame = append(frame, data...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.WriteTime > 0 {
		_ = s.SetWriteDeadline(time.Now().Add(s.WriteTime))
	}
	_, err := s.Write(frame)
	return err
}
