package websocket

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6455 has no other
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// maxHeader is how long one may be, in bytes.
const maxHeader = 16 << 10

// accepted is what RFC 6455 makes of a key. It keeps caches away, and nothing else.
func accepted(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	return base64.StdEncoding.EncodeToString(sum[:])
}

// whole waits for all lines of a header, which have to fit.
func whole(in *bufio.Reader) error {
	for n := 1; ; n = in.Buffered() + 1 {
		_, err := in.Peek(n)
		if buffered, _ := in.Peek(in.Buffered()); bytes.Contains(buffered, []byte("\r\n\r\n")) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the header: %w", err)
		}
	}
}

// Asked reads the request for a web socket, of whose messages none may be longer
// than most bytes. It becomes one with Answer; what is no such request is an error.
func Asked(c net.Conn, most int) (*Socket, *http.Request, error) {
	s := &Socket{Conn: c, in: bufio.NewReaderSize(c, maxHeader), most: most}
	// ReadRequest has no bound of its own.
	if err := whole(s.in); err != nil {
		return nil, nil, err
	}
	r, err := http.ReadRequest(s.in)
	if err != nil {
		return nil, nil, err
	}
	if r.Method != http.MethodGet || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || r.Header.Get("Sec-Websocket-Version") != "13" || r.Header.Get("Sec-Websocket-Key") == "" {
		return nil, nil, errors.New("no request for a web socket")
	}
	return s, r, nil
}

// Answer says yes to a request that Asked has read, and to the protocol, if that is
// among those which were asked for.
func (s *Socket) Answer(r *http.Request, protocol string) error {
	text := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accepted(r.Header.Get("Sec-Websocket-Key")) + "\r\n"
	if strings.Contains(strings.Join(r.Header.Values("Sec-Websocket-Protocol"), ","), protocol) {
		text += "Sec-WebSocket-Protocol: " + protocol + "\r\n"
	}
	_, err := io.WriteString(s.Conn, text+"\r\n")
	return err
}

// Ask asks the other end of c for a web socket of a protocol, of whose messages none
// may be longer than most bytes, at a path or an address, with further lines in the
// header. Every answer is returned; one that makes no web socket with an error.
func Ask(c net.Conn, most int, to, protocol string, lines ...string) (*Socket, *http.Response, error) {
	var random [16]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, nil, err
	}
	key := base64.StdEncoding.EncodeToString(random[:])
	lines = append([]string{
		"GET " + to + " HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + key, "Sec-WebSocket-Protocol: " + protocol,
	}, lines...)
	if _, err := io.WriteString(c, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
		return nil, nil, err
	}
	s := &Socket{Conn: c, in: bufio.NewReaderSize(c, maxHeader), most: most, client: true}
	if err := whole(s.in); err != nil {
		return nil, nil, err
	}
	r, err := http.ReadResponse(s.in, nil)
	if err != nil {
		return nil, nil, err
	}
	if r.StatusCode != http.StatusSwitchingProtocols || r.Header.Get("Sec-Websocket-Accept") != accepted(key) {
		return nil, r, fmt.Errorf("the answer is %q", r.Status)
	}
	return s, r, nil
}
