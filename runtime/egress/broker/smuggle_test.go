package broker

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// frames writes frames of HTTP/2 (RFC 9113, 4.1) by hand: no library sends
// what these tests do.
type frames struct{ bytes.Buffer }

func (f *frames) frame(kind, flags byte, stream uint32, payload []byte) {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))[1:]
	f.Write(append(head, kind, flags))
	_ = binary.Write(f, binary.BigEndian, stream)
	f.Write(payload)
}

// headers is a header block without compression (RFC 7541, 6.2.2).
func headers(fields ...string) (block []byte) {
	text := func(s string) {
		if len(s) < 127 {
			block = append(block, byte(len(s)))
		} else {
			block = append(block, 127)
			n := len(s) - 127
			for ; n >= 128; n /= 128 {
				block = append(block, byte(n%128+128))
			}
			block = append(block, byte(n))
		}
		block = append(block, s...)
	}
	for i := 0; i < len(fields); i += 2 {
		block = append(block, 0)
		text(fields[i])
		text(fields[i+1])
	}
	return block
}

const (
	endStream  = 1
	endHeaders = 4
)

// TestSmuggling: whatever a program writes in HTTP/2, the service gets the
// request that was judged, or none. It speaks HTTP/1.1, where one request can
// be hidden in another.
func TestSmuggling(t *testing.T) {
	const hidden = "GET /hidden HTTP/1.1\r\nHost: example.com\r\n\r\n"
	for name, c := range map[string]struct {
		fields []string // besides the usual ones, or in their place
		body   string
		// arrives: the request is sent on, as it was judged.
		arrives bool
	}{
		"the usual":                      {arrives: true},
		"a body":                         {body: "hello", arrives: true},
		"a body that looks like another": {body: hidden, arrives: true},
		"a shorter length":               {fields: []string{"content-length", "0"}, body: hidden},
		"a longer length":                {fields: []string{"content-length", "500"}, body: hidden},
		"two lengths":                    {fields: []string{"content-length", "5", "content-length", "44"}, body: hidden},
		"no number":                      {fields: []string{"content-length", "+5"}, body: "hello"},
		"chunked":                        {fields: []string{"transfer-encoding", "chunked"}, body: "0\r\n\r\n" + hidden},
		"chunked, by a connection":       {fields: []string{"connection", "transfer-encoding", "transfer-encoding", "chunked"}, body: "0\r\n\r\n" + hidden},
		"a line end in a value":          {fields: []string{"x-a", "b\r\n\r\n" + hidden}},
		"a line end in a name":           {fields: []string{"x-a: b\r\nx-b", "c"}},
		"a colon in a name":              {fields: []string{"x-a:", "c"}},
		"upper case":                     {fields: []string{"Transfer-Encoding", "chunked"}, body: "0\r\n\r\n" + hidden},
		"a line end in the path":         {fields: []string{":path", "/v1/messages HTTP/1.1\r\nHost: example.com\r\n\r\n" + hidden}},
		"a space in the path":            {fields: []string{":path", "/v1/messages HTTP/1.1"}},
		"a whole URL as path":            {fields: []string{":path", "https://other.example/v1/messages"}},
		"an empty path":                  {fields: []string{":path", ""}},
		"two paths":                      {fields: []string{":path", "/v1/messages", ":path", "/hidden"}},
		"a line end in the method":       {fields: []string{":method", "GET /hidden HTTP/1.1\r\nX:"}},
		"a method and a path":            {fields: []string{":method", "GET /hidden"}},
		"CONNECT":                        {fields: []string{":method", "CONNECT"}},
		"another host":                   {fields: []string{":authority", "other.example"}},
		"another host beside it":         {fields: []string{"host", "other.example"}, arrives: true}, // :authority counts
		"a line end in the host":         {fields: []string{":authority", "example.com\r\nX-Api-Key: attacker"}},
		"upgrade":                        {fields: []string{"upgrade", "websocket", "connection", "upgrade"}},
		"a protocol (RFC 8441)":          {fields: []string{":method", "CONNECT", ":protocol", "websocket"}},
		"a pseudo header of answers":     {fields: []string{":status", "200"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNamed(t, nil, http1, upgrading)
			n.event2(t, c.fields, c.body)
			n.mu.Lock()
			defer n.mu.Unlock()
			// Of a request that breaks off, the service knows that it did.
			n.got = slices.DeleteFunc(n.got, func(s seen) bool { return s.cut && s.uri == "/v1/messages" })
			if len(n.got) > 1 || c.arrives != (len(n.got) == 1) {
				t.Fatalf("the service got %d requests: %+v", len(n.got), n.got)
			}
			for _, s := range n.got {
				if s.host != "example.com" || s.uri != "/v1/messages" || s.body != c.body || s.method != http.MethodPost {
					t.Errorf("%+v", s)
				}
			}
		})
	}
}

// event2 sends one request of HTTP/2 and waits for its end.
func (n *named) event2(t *testing.T, fields []string, body string) {
	t.Helper()
	c, err := tls.Dial("tcp", n.at, &tls.Config{RootCAs: n.roots, ServerName: "example.com", NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var pseudo, rest []string
	for i, usual := range []string{":method", "POST", ":scheme", "https", ":authority", "example.com", ":path", "/v1/messages"} {
		if i%2 == 0 && !strings.Contains("\x00"+strings.Join(fields, "\x00")+"\x00", "\x00"+usual+"\x00") {
			pseudo = append(pseudo, usual, []string{"POST", "https", "example.com", "/v1/messages"}[i/2])
		}
	}
	for i := 0; i < len(fields); i += 2 {
		if strings.HasPrefix(fields[i], ":") {
			pseudo = append(pseudo, fields[i], fields[i+1])
		} else {
			rest = append(rest, fields[i], fields[i+1])
		}
	}
	rest = append(rest, "x-api-key", n.b.Placeholder())
	var f frames
	f.WriteString("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	f.frame(4, 0, 0, nil) // SETTINGS
	flags := byte(endHeaders)
	if body == "" {
		flags |= endStream
	}
	f.frame(1, flags, 1, headers(append(pseudo, rest...)...))
	if body != "" {
		f.frame(0, endStream, 1, []byte(body))
	}
	if _, err := c.Write(f.Bytes()); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	// To the end of the stream: an answer, a reset, or the connection's end.
	for head := make([]byte, 9); ; {
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(c, payload); err != nil {
			return
		}
		stream, kind := binary.BigEndian.Uint32(head[5:]), head[3]
		if kind == 7 || stream == 1 && (kind == 3 || (kind == 0 || kind == 1) && head[4]&endStream != 0) {
			return
		}
	}
}

// TestSmuggling1: the same by HTTP/1.1.
func TestSmuggling1(t *testing.T) {
	const hidden = "GET /hidden HTTP/1.1\r\nHost: example.com\r\n\r\n"
	for name, rest := range map[string]string{
		"two lengths":            "Content-Length: 5\r\nContent-Length: 44\r\n\r\n" + hidden,
		"a length and chunked":   fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%s", 5+len(hidden), hidden),
		"an unknown encoding":    "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden,
		"two encodings":          "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + hidden,
		"a space before a colon": "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + hidden,
		"a folded header":        "X-A: b\r\n Transfer-Encoding: chunked\r\n\r\n" + hidden,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNamed(t, nil, http1)
			c, err := tls.Dial("tcp", n.at, &tls.Config{RootCAs: n.roots, ServerName: "example.com"})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(2 * time.Second))
			_, _ = io.WriteString(c, "POST /v1/messages HTTP/1.1\r\nHost: example.com\r\nX-Api-Key: "+n.b.Placeholder()+"\r\n"+rest)
			_, _ = io.ReadAll(c)
			n.mu.Lock()
			defer n.mu.Unlock()
			for _, s := range n.got {
				if s.uri != "/v1/messages" || len(n.got) > 1 {
					t.Errorf("the service got %+v", n.got)
				}
			}
		})
	}
}
