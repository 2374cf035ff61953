package websocket

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

const most = 1 << 20

// pair is a web socket over a connection of the loopback, from both ends.
func pair(t *testing.T) (client, server *Socket) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	out, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	in, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); out.Close() })
	for _, c := range []net.Conn{in, out} {
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	}
	served := make(chan error)
	go func() {
		s, r, err := Asked(in, most)
		if err == nil && (r.Header.Get("X-Audit") != "a header" || r.URL.Path != "/path") {
			err = errors.New("the request is another one")
		}
		if err == nil {
			err = s.Answer(r, "mcp")
		}
		server = s
		served <- err
	}()
	client, r, err := Ask(out, most, "/path", "mcp", "Host: x", "X-Audit: a header")
	if err := errors.Join(err, <-served); err != nil {
		t.Fatal(err)
	}
	if r.Header.Get("Sec-Websocket-Protocol") != "mcp" {
		t.Errorf("answered: %v", r.Header)
	}
	return client, server
}

// TestMessages: each length that is written in another way, both ways.
func TestMessages(t *testing.T) {
	client, server := pair(t)
	for _, ends := range [][2]*Socket{{client, server}, {server, client}} {
		for _, n := range []int{0, 1, 125, 126, 1<<16 - 1, 1 << 16, most} {
			text := bytes.Repeat([]byte("x"), n)
			said := make(chan error)
			go func() { said <- ends[0].Say(text) }()
			got, err := ends[1].Hear()
			if err := errors.Join(err, <-said); err != nil || !bytes.Equal(got, text) {
				t.Fatalf("%d bytes: %d came, %v", n, len(got), err)
			}
		}
		go func() { _ = ends[0].Say(bytes.Repeat([]byte("x"), most+1)) }()
		if _, err := ends[1].Hear(); err == nil || !strings.Contains(err.Error(), "too long") {
			t.Errorf("one byte too many: %v", err)
		}
		client, server = pair(t)
	}
	if err := client.Bye(); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Hear(); !errors.Is(err, io.EOF) {
		t.Errorf("the end: %v", err)
	}
}

// TestFrames: fragments and pings are none of anybody's business, and what is no web
// socket of texts is an error.
func TestFrames(t *testing.T) {
	mask := func(head byte, data string) []byte {
		return append([]byte{head, 0x80 | byte(len(data)), 1, 2, 3, 4}, masked(data)...)
	}
	long := func(head byte, n int) []byte {
		return append([]byte{head, 0xff, 0, 0, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n), 0, 0, 0, 0}, make([]byte, n)...)
	}
	for name, c := range map[string]struct {
		frames [][]byte
		ok     bool
	}{
		"one":                 {[][]byte{mask(0x81, "a text")}, true},
		"fragments":           {[][]byte{mask(0x01, "a "), mask(0x89, "x"), mask(0x8a, "y"), mask(0x80, "text")}, true},
		"not masked":          {[][]byte{append([]byte{0x81, 6}, "a text"...)}, false},
		"binary":              {[][]byte{mask(0x82, "a text")}, false},
		"reserved":            {[][]byte{mask(0xc1, "a text")}, false},
		"no beginning":        {[][]byte{mask(0x80, "a text")}, false},
		"two":                 {[][]byte{mask(0x01, "a "), mask(0x81, "text")}, false},
		"no UTF-8":            {[][]byte{mask(0x81, "a text\xff")}, false},
		"half of UTF-8":       {[][]byte{mask(0x81, "a text\xc3")}, false},
		"far too long":        {[][]byte{{0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}}, false},
		"too long together":   {[][]byte{long(0x01, most-6), mask(0x80, "a text!")}, false},
		"a long ping":         {[][]byte{{0x89, 0xfe, 0, 126, 0, 0, 0, 0}}, false},
		"a ping in two":       {[][]byte{mask(0x09, "x"), mask(0x81, "a text")}, false},
		"the end, and a text": {[][]byte{mask(0x88, ""), mask(0x81, "a text")}, false},
	} {
		client, server := pair(t)
		go func() {
			for _, f := range c.frames {
				_, _ = client.Write(f)
			}
		}()
		text, err := server.Hear()
		if (err == nil) != c.ok || c.ok && string(text) != "a text" || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %q, %v", name, text, err)
		}
		if name != "fragments" {
			continue
		}
		var pong [3]byte
		if _, err := io.ReadFull(client.in, pong[:]); err != nil || string(pong[:]) != "\x8a\x01x" {
			t.Errorf("a ping is answered by %q, %v", pong, err)
		}
	}
	// A ping has no part in the length of the message around it.
	client, server := pair(t)
	go func() {
		for _, f := range [][]byte{long(0x01, most), mask(0x89, "x"), mask(0x80, "")} {
			_, _ = client.Write(f)
		}
	}()
	if text, err := server.Hear(); len(text) != most || err != nil {
		t.Errorf("a ping in the longest message: %d bytes, %v", len(text), err)
	}
	// Who masks and should not is no server.
	if _, err := server.Write(mask(0x81, "a text")); err != nil {
		t.Fatal(err)
	}
	if text, err := client.Hear(); err == nil {
		t.Errorf("a server that masks says %q", text)
	}
}

func masked(data string) []byte {
	text := []byte(data)
	for i := range text {
		text[i] ^= byte(i%4 + 1)
	}
	return text
}

// TestWriteTime: who does not read does not hold up the other side.
func TestWriteTime(t *testing.T) {
	_, server := pair(t)
	server.WriteTime = 10 * time.Millisecond
	err := server.SetDeadline(time.Time{})
	defer time.AfterFunc(5*time.Second, func() { server.Close() }).Stop()
	for i := 0; i < 100 && err == nil; i++ {
		err = server.Say(make([]byte, most))
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("nobody reads: %v", err)
	}
}

// TestHandshake: with the example of RFC 6455, 1.3, and what is no such request.
func TestHandshake(t *testing.T) {
	if got := accepted("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("the key: %s", got)
	}
	const upgrade, version, key = "Upgrade: WebSocket\r\n", "Sec-WebSocket-Version: 13\r\n", "Sec-WebSocket-Key: x\r\n"
	for text, want := range map[string]string{
		"GET / HTTP/1.1\r\n" + upgrade + version + key + "\r\n":  "",
		"POST / HTTP/1.1\r\n" + upgrade + version + key + "\r\n": "no request",
		"GET / HTTP/1.1\r\n" + version + key + "\r\n":            "no request",
		"GET / HTTP/1.1\r\n" + upgrade + key + "\r\n":            "no request",
		"GET / HTTP/1.1\r\n" + upgrade + version + "\r\n":        "no request",
		"x\r\n\r\n":                      "malformed",
		"GET / HTTP/1.1\r\n":             "header",
		strings.Repeat("x", maxHeader+1): "buffer full",
	} {
		ours, theirs := net.Pipe()
		go func() { _, _ = io.WriteString(ours, text); ours.Close() }()
		_, _, err := Asked(theirs, most)
		theirs.Close()
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v", text, err)
		}
	}
	for text, status := range map[string]int{
		"HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\nwhy":                        http.StatusUnauthorized,
		"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: of another key\r\n\r\n": http.StatusSwitchingProtocols,
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxHeader) + "\r\n\r\n":             0,
	} {
		ours, theirs := net.Pipe()
		go func() {
			_, _ = theirs.Read(make([]byte, maxHeader))
			_, _ = io.WriteString(theirs, text)
		}()
		_, r, err := Ask(ours, most, "/", "mcp")
		if err == nil || status == 0 != (r == nil) || r != nil && r.StatusCode != status {
			t.Errorf("%.40q: %v, %v", text, r, err)
		}
		ours.Close()
	}
}
