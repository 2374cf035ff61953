package ide

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6455 has no other
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
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

const (
	// maxMessage is the longest: a diff holds a file.
	maxMessage = 8 << 20
	maxHeader  = 16 << 10
	// writeTime is how long the other side may take to read.
	writeTime = 20 * time.Second
)

// guid is RFC 6455's.
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// subprotocol is what both sides of MCP by web socket call it.
const subprotocol = "mcp"

// socket is a web socket whose messages are texts.
type socket struct {
	net.Conn
	in *bufio.Reader
	// client: this side is one, so it masks, and the other one does not.
	client bool
	mu     sync.Mutex // of writing
}

var errFrame = errors.New("not a web socket of texts")

// accepts reads the request for a web socket. answer is what makes it one.
func accepts(c net.Conn) (s *socket, answer string, err error) {
	in := bufio.NewReaderSize(c, maxHeader)
	// ReadRequest has no bound of its own.
	if err := whole(in); err != nil {
		return nil, "", err
	}
	r, err := http.ReadRequest(in)
	if err != nil {
		return nil, "", err
	}
	key := r.Header.Get("Sec-Websocket-Key")
	if r.Method != http.MethodGet || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || r.Header.Get("Sec-Websocket-Version") != "13" || key == "" || r.Header.Get("Origin") != "" {
		return nil, "", errors.New("no request for a web socket by a program")
	}
	answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accepted(key) + "\r\n"
	if strings.Contains(strings.Join(r.Header.Values("Sec-Websocket-Protocol"), ","), subprotocol) {
		answer += "Sec-WebSocket-Protocol: " + subprotocol + "\r\n"
	}
	return &socket{Conn: c, in: in}, answer + "\r\n", nil
}

// whole waits for all lines of a header, which have to fit.
func whole(in *bufio.Reader) error {
	for n := 1; ; n = in.Buffered() + 1 {
		text, err := in.Peek(n)
		if buffered, _ := in.Peek(in.Buffered()); bytes.Contains(buffered, []byte("\r\n\r\n")) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the header: %w", err)
		}
		_ = text
	}
}

func accepted(key string) string {
	sum := sha1.Sum([]byte(key + guid)) //nolint:gosec // as above
	return base64.StdEncoding.EncodeToString(sum[:])
}

// connect asks for a web socket at the other end of c.
func connect(c net.Conn, port uint16, token string) (*socket, error) {
	var random [16]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, err
	}
	key := base64.StdEncoding.EncodeToString(random[:])
	if _, err := fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: %s\r\n%s: %s\r\n\r\n",
		port, key, subprotocol, tokenHeader, token); err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(c, maxHeader)
	if err := whole(in); err != nil {
		return nil, err
	}
	r, err := http.ReadResponse(in, nil) //nolint:bodyclose // it has none: what follows is the web socket
	if err != nil {
		return nil, err
	}
	if r.StatusCode != http.StatusSwitchingProtocols || r.Header.Get("Sec-Websocket-Accept") != accepted(key) {
		return nil, fmt.Errorf("the editor answers %q", r.Status)
	}
	return &socket{Conn: c, in: in, client: true}, nil
}

// tokenHeader is where the extension looks for its token.
const tokenHeader = "X-Claude-Code-Ide-Authorization" //nolint:gosec // a header's name

// read is the next message.
func (s *socket) read() ([]byte, error) {
	var message []byte
	begun := false
	for {
		op, last, data, err := s.frame(maxMessage - len(message))
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
func (s *socket) frame(most int) (op byte, last bool, data []byte, err error) {
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
	if n > uint64(max(most, 125)) {
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

// write sends a frame.
func (s *socket) write(op byte, data []byte) error {
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
	_ = s.SetWriteDeadline(time.Now().Add(writeTime))
	_, err := s.Write(frame)
	return err
}
