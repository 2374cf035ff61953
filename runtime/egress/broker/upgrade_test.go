package broker

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// websocket answers an upgrade, says what it was sent, and echoes lines.
func websocket(w http.ResponseWriter, r *http.Request) {
	c, in, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSet-Cookie: a=b\r\nSec-Websocket-Accept: yes\r\n\r\n")
	fmt.Fprintf(c, "%s %q %q\n", r.Header.Get("Authorization"), r.Header.Get("Upgrade"), r.Header.Get("Sec-Websocket-Extensions"))
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		fmt.Fprintf(c, "you said %s", line)
	}
}

func upgrading(b *network.Broker, _ *Options, _ *httptest.Server) {
	b.Upgrade = []string{network.UpgradeWebSocket}
}

// TestWebSocket: both directions of a websocket pass, to the service's own
// name and to the broker's.
func TestWebSocket(t *testing.T) {
	both(t, func(t *testing.T, changes ...change) { // it is HTTP/1.1 for the service in any case
		n := newNamed(t, websocket, append(changes, generic, upgrading)...)
		for _, secured := range []bool{true, false} {
			c, err := net.Dial("tcp", n.addr)
			if secured {
				c, err = tls.Dial("tcp", n.at, &tls.Config{RootCAs: n.roots, ServerName: "example.com"})
			}
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			in := bufio.NewReader(c)
			fmt.Fprintf(c, "GET /socket HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nSec-Websocket-Extensions: permessage-deflate\r\nAuthorization: Bearer %s\r\n\r\n", n.b.Placeholder())
			resp, err := http.ReadResponse(in, nil)
			if err != nil || resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-Websocket-Accept") != "yes" || resp.Header.Get("Set-Cookie") != "" {
				t.Fatalf("%v: %+v", err, resp)
			}
			if line, _ := in.ReadString('\n'); line != "Bearer "+mask(len(key))+" \"websocket\" \"\"\n" {
				t.Errorf("%q", line)
			}
			for i := range 5 {
				fmt.Fprintf(c, "hello %d\n", i)
				if line, err := in.ReadString('\n'); err != nil || line != fmt.Sprintf("you said hello %d\n", i) {
					t.Fatalf("%q, %v", line, err)
				}
			}
			c.Close()
			if e := n.event(); e.Status != http.StatusSwitchingProtocols || e.Sent != 40 || e.Received == 0 || !e.Forwarded {
				t.Errorf("%+v", e)
			}
		}
	})
}

// TestWebSocketCloses: the end of the broker is that of a websocket.
func TestWebSocketCloses(t *testing.T) {
	n := newNamed(t, websocket, generic, upgrading)
	c, err := net.Dial("tcp", n.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET /socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nAuthorization: Bearer %s\r\n\r\n", n.b.Placeholder())
	in := bufio.NewReader(c)
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	_ = n.b.Close()
	_, _ = io.ReadAll(in) // it ends
	n.event()
}

// TestUpgradeRefused: 426 for what the broker does not have, and no way round
// what it looks at.
func TestUpgradeRefused(t *testing.T) {
	for name, changes := range map[string][]change{"off": {generic}, "on": {generic, upgrading}} {
		l := newLab(t, websocket, changes...)
		auth := "Authorization: Bearer " + l.b.Placeholder() + "\r\n"
		for _, header := range []string{"Upgrade: websocket\r\n", "Upgrade: h2c, websocket\r\n", "Upgrade: TLS/1.2\r\n", "Upgrade: websocket, tls/1.2\r\n", "Upgrade: websocket\r\nContent-Length: 1\r\n"} {
			if name == "on" && !strings.Contains(strings.ToLower(header), "tls") && !strings.Contains(header, "Length") {
				continue
			}
			answer := l.raw("GET /x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\n" + header + auth + "\r\n")
			if !strings.HasPrefix(answer, "HTTP/1.1 426 ") || !strings.Contains(answer, "\r\nUpgrade: HTTP/1.1\r\n") {
				t.Errorf("%s, %q: %q", name, header, answer)
			}
		}
		if len(l.got) != 0 {
			t.Errorf("%s: the service got %+v", name, l.got)
		}
	}
	// A service that upgrades without being asked gets nowhere.
	l := newLab(t, websocket, generic, http1)
	if resp, text := l.do("GET", "/x", "", "Authorization", "Bearer "+l.b.Placeholder()); resp.StatusCode != http.StatusBadGateway {
		t.Errorf("%s %s", resp.Status, text)
	}
	// Without the key as well, and with the path's rules.
	n := newNamed(t, websocket, upgrading)
	if resp, text := n.ask(1, "GET", "/v2/socket", "", "Connection", "Upgrade", "Upgrade", "websocket"); resp.StatusCode != http.StatusForbidden || len(n.got) != 0 {
		t.Errorf("%s %s", resp.Status, text)
	}
}
