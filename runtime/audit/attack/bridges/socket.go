package bridges

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // of RFC 6455
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// key is that of every web socket which is asked for here: nobody looks at it.
const key = "dGhlIHNhbXBsZSBub25jZQ=="

// accepted is what RFC 6455 makes of a key. It keeps caches away, and nothing else.
func accepted(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // the RFC has no other
	return base64.StdEncoding.EncodeToString(sum[:])
}

// most is more than any message that should pass.
const most = 64 << 20

// webSocket is a web socket of texts, as simple as it can be.
type webSocket struct {
	net.Conn
	in     *bufio.Reader
	client bool
}

// upgrade asks for a web socket with these lines besides, at the path or address to.
// said is what is answered; empty if nothing is.
func upgrade(c net.Conn, to string, more ...string) (s *webSocket, said string, err error) {
	lines := append([]string{"Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + key, "Sec-WebSocket-Protocol: mcp"}, more...)
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\n%s\r\n\r\n", to, strings.Join(lines, "\r\n")); err != nil {
		return nil, "", err
	}
	s = &webSocket{c, bufio.NewReader(c), true}
	r, err := http.ReadResponse(s.in, nil)
	if err != nil {
		return nil, "", err
	}
	defer r.Body.Close() // of a web socket it is empty
	said = fmt.Sprintln(r.Status, r.Header)
	if r.StatusCode != http.StatusSwitchingProtocols {
		text, _ := io.ReadAll(io.LimitReader(r.Body, 4<<10))
		return nil, said + string(text), fmt.Errorf("%s: %s", r.Status, strings.TrimSpace(string(text)))
	}
	return s, said, nil
}

// say sends a text.
func (s *webSocket) say(text []byte) error {
	head, mask := []byte{0x81}, byte(0)
	if s.client {
		mask = 0x80
	}
	switch n := len(text); {
	case n < 126:
		head = append(head, mask|byte(n))
	case n < 1<<16:
		head = binary.BigEndian.AppendUint16(append(head, mask|126), uint16(n))
	default:
		head = binary.BigEndian.AppendUint64(append(head, mask|127), uint64(n))
	}
	if s.client {
		head = append(head, 0, 0, 0, 0) // a mask that changes nothing
	}
	_, err := s.Write(append(head, text...))
	return err
}

// hear is the next text.
func (s *webSocket) hear() ([]byte, error) {
	for {
		var head [2]byte
		if _, err := io.ReadFull(s.in, head[:]); err != nil {
			return nil, err
		}
		n := uint64(head[1] & 0x7f)
		if n >= 126 {
			long := make([]byte, 8)
			if _, err := io.ReadFull(s.in, long[map[uint64]int{126: 6, 127: 0}[n]:]); err != nil {
				return nil, err
			}
			n = binary.BigEndian.Uint64(long)
		}
		if n > most {
			return nil, errors.New("a message without an end")
		}
		var mask [4]byte
		if head[1]&0x80 != 0 {
			if _, err := io.ReadFull(s.in, mask[:]); err != nil {
				return nil, err
			}
		}
		text := make([]byte, n)
		if _, err := io.ReadFull(s.in, text); err != nil {
			return nil, err
		}
		for i := range text {
			text[i] ^= mask[i%4]
		}
		switch head[0] & 0xf {
		case 1:
			return text, nil
		case 8:
			return nil, io.EOF
		}
	}
}

// soon is until when a connection is worth waiting for.
func soon() time.Time { return time.Now().Add(patience) }
