package broker

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/runtime/egress/authority"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// named is a lab whose service is also reached by its own name, with TLS.
type named struct {
	*lab
	roots *x509.CertPool
	at    string
}

func newNamed(t testing.TB, answer http.HandlerFunc, changes ...change) *named {
	t.Helper()
	// It signs for more names than this broker's, as that of a jail does.
	a, err := authority.New([]string{"example.com", "other.example", "*.cloud.example"})
	if err != nil {
		t.Fatal(err)
	}
	changes = append(changes, func(b *network.Broker, o *Options, _ *httptest.Server) {
		b.Host, o.Authority = cmp.Or(b.Host, "example.com"), a
	})
	n := &named{lab: newLab(t, answer, changes...), roots: x509.NewCertPool()}
	n.roots.AppendCertsFromPEM(a.PEM())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n.at = ln.Addr().String()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go n.b.ServeTLS(c)
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return n
}

// client is a program in the jail that speaks this version of HTTP.
func (n *named) client(version int) *http.Client {
	tr := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", n.at)
		},
		TLSClientConfig:    &tls.Config{RootCAs: n.roots},
		ForceAttemptHTTP2:  version == 2,
		DisableCompression: true,
	}
	n.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// ask sends a request to https://example.com and returns the answer with its
// whole body.
func (n *named) ask(version int, method, path, body string, header ...string) (*http.Response, string) {
	n.t.Helper()
	r, err := http.NewRequest(method, "https://example.com"+path, strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Add(header[i], header[i+1])
	}
	resp, err := n.client(version).Do(r)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.ProtoMajor != version {
		n.t.Fatalf("%s %s: %v, by %s", method, path, err, resp.Proto)
	}
	return resp, string(text)
}

// versions runs a test with programs and services of each version of HTTP.
func versions(t *testing.T, test func(t *testing.T, version int, changes ...change)) {
	t.Helper()
	for _, version := range []int{1, 2} {
		both(t, func(t *testing.T, changes ...change) {
			t.Run(fmt.Sprintf("program%d", version), func(t *testing.T) { test(t, version, changes...) })
		})
	}
}

// TestByName: what a program says to the service itself gets the key.
func TestByName(t *testing.T) {
	versions(t, func(t *testing.T, version int, changes ...change) {
		n := newNamed(t, nil, append(changes, generic)...)
		resp, text := n.ask(version, "POST", "/graphql?a=b", "hello", "Authorization", "token "+n.b.Placeholder(), "Range", "bytes=0-1", "Accept-Encoding", "gzip", "X-Api-Key", "attacker")
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s %s", resp.Status, text)
		}
		s := n.last()
		if s.host != "example.com" || s.uri != "/graphql?a=b" || s.body != "hello" || s.header.Get("Authorization") != "token "+key ||
			s.header.Get("Range") != "" || s.header.Get("Accept-Encoding") != "identity" || s.header.Get("X-Api-Key") != "" {
			t.Errorf("%+v", s)
		}
		if e := n.event(); !e.Forwarded || e.Path != "/graphql" || e.Sent != 5 || e.Why != "" {
			t.Errorf("%+v", e)
		}
	})
}

// TestByNameCredentials: a request without a credential goes on without one,
// as git's first does; one with somebody else's goes nowhere.
func TestByNameCredentials(t *testing.T) {
	versions(t, func(t *testing.T, version int, changes ...change) {
		n := newNamed(t, nil, append(changes, generic)...)
		n.ask(version, "GET", "/info/refs", "", "Cookie", "session=attacker", "Private-Token", "attacker", "Range", "bytes=0-1", "Accept-Encoding", "gzip")
		s := n.last()
		if h := s.header; h.Get("Authorization") != "" || h.Get("Cookie") != "" || h.Get("Private-Token") != "" {
			t.Errorf("a credential went on: %v", h)
		}
		// Where there is no key, there is none to look for.
		if s.header.Get("Range") != "bytes=0-1" || s.header.Get("Accept-Encoding") != "gzip" {
			t.Errorf("%v", s.header)
		}
		for _, bad := range []string{"Bearer attacker", "", "Bearer " + key, "Bearer " + network.Broker{Name: "other"}.Placeholder()} {
			if resp, text := n.ask(version, "GET", "/x", "", "Authorization", bad); resp.StatusCode != http.StatusForbidden || !strings.Contains(text, "placeholder") {
				t.Errorf("%q: %s", bad, resp.Status)
			}
		}
		if resp, _ := n.ask(version, "GET", "/x", "", "Authorization", "Bearer "+n.b.Placeholder(), "Authorization", "Bearer attacker"); resp.StatusCode != http.StatusForbidden {
			t.Errorf("two: %s", resp.Status)
		}
		if len(n.got) != 0 {
			t.Errorf("the service got %+v", n.got)
		}
	})
}

// TestMisdirected: a connection to one name is of no use for another, though
// the jail's authority would sign for it.
func TestMisdirected(t *testing.T) {
	n := newNamed(t, nil)
	for _, version := range []int{1, 2} {
		for _, host := range []string{"other.example", "test.broker.internal", "x.example.com", "example.com:80"} {
			resp, text := n.ask(version, "GET", "/v1/messages", "", "Host", host, "X-Api-Key", n.b.Placeholder())
			if resp.StatusCode != http.StatusMisdirectedRequest && resp.StatusCode != http.StatusBadRequest {
				t.Errorf("%d %s: %s %s", version, host, resp.Status, text)
			}
		}
		if resp, _ := n.ask(version, "GET", "/v1/messages", "", "Host", "EXAMPLE.com:443", "X-Api-Key", n.b.Placeholder()); resp.StatusCode != http.StatusOK {
			t.Errorf("its own name: %s", resp.Status)
		}
	}
	if len(n.got) != 2 {
		t.Errorf("the service got %+v", n.got)
	}
	for _, name := range []string{"other.example", "www.example.com", ""} {
		c, err := net.Dial("tcp", n.at)
		if err != nil {
			t.Fatal(err)
		}
		err = tls.Client(c, &tls.Config{ServerName: name, InsecureSkipVerify: true}).Handshake() // any certificate would do
		c.Close()
		if err == nil {
			t.Errorf("%q: there is a certificate", name)
			continue // and nothing in the log
		}
		e := n.event()
		for e.Path != "" {
			e = n.event() // of a request before
		}
		if !strings.Contains(e.Why, "server name") {
			t.Errorf("%q: the log says %+v", name, e)
		}
	}
}

// TestRPC: gRPC needs HTTP/2 with both bodies open at once, and trailers.
func TestRPC(t *testing.T) {
	n := newNamed(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 || r.Header.Get("Te") != "trailers" || r.Header.Get("Authorization") != "Bearer "+key {
			t.Errorf("%s %v", r.Proto, r.Header)
		}
		w.Header().Set("Trailer", "Grpc-Status")
		_ = http.NewResponseController(w).Flush()
		in := bufio.NewReader(r.Body)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				break
			}
			_, _ = io.WriteString(w, "you said "+line)
			_ = http.NewResponseController(w).Flush()
		}
		w.Header().Set("Grpc-Status", "0")
	}, generic)
	pr, pw := io.Pipe()
	r, err := http.NewRequest(http.MethodPost, "https://example.com/package.Service/Method", pr)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Te", "trailers")
	r.Header.Set("Content-Type", "application/grpc")
	r.Header.Set("Authorization", "Bearer "+n.b.Placeholder())
	resp, err := n.client(2).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	in := bufio.NewReader(resp.Body)
	for i := range 5 {
		fmt.Fprintf(pw, "hello %d\n", i)
		if line, err := in.ReadString('\n'); err != nil || line != fmt.Sprintf("you said hello %d\n", i) {
			t.Fatalf("%q, %v", line, err)
		}
	}
	pw.Close()
	if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 || resp.Trailer.Get("Grpc-Status") != "0" {
		t.Errorf("%q, %v, trailers %v", rest, err, resp.Trailer)
	}
}

// TestManyStreams: the bodies of many requests are open at a time, each on a
// connection of its own or all on some.
func TestManyStreams(t *testing.T) {
	// Of HTTP/1.1 each takes a handshake.
	for version, streams := range map[int]int{1: 300, 2: 2000} {
		t.Run(fmt.Sprintf("HTTP %d", version), func(t *testing.T) { manyStreams(t, version, streams) })
	}
}

func manyStreams(t *testing.T, version, streams int) {
	all := make(chan struct{}, streams)
	release := make(chan struct{})
	n := newNamed(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		if r.Method == http.MethodPost {
			return
		}
		all <- struct{}{}
		<-release
		_, _ = io.WriteString(w, "done")
	})
	go func() {
		for range n.logged { // or nobody could log more
		}
	}()
	c := n.client(version)
	// Or there would be a connection for each, also of HTTP/2.
	if resp, err := c.Post("https://example.com/v1/messages", "", nil); err != nil {
		t.Fatal(err)
	} else {
		resp.Body.Close()
	}
	failed := make(chan error, streams)
	for range streams {
		go func() {
			r, _ := http.NewRequest(http.MethodGet, "https://example.com/v1/messages", nil)
			r.Header.Set("X-Api-Key", n.b.Placeholder())
			resp, err := c.Do(r)
			if err == nil {
				defer resp.Body.Close()
				var text []byte
				if text, err = io.ReadAll(resp.Body); err == nil && string(text) != "done" {
					err = fmt.Errorf("%s %q", resp.Status, text)
				}
			}
			failed <- err
		}()
		// One after the other: a client that has to wait makes another connection.
		<-all
	}
	close(release)
	for range streams {
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
	}
}

// TestCloseByName: it ends handshakes and connections.
func TestCloseByName(t *testing.T) {
	n := newNamed(t, nil)
	inside, outside := net.Pipe()
	done := make(chan struct{})
	go func() { n.b.ServeTLS(outside); close(done) }()
	_ = n.b.Close()
	if _, err := io.ReadAll(inside); err != nil {
		t.Error(err)
	}
	<-done
}

// TestSilent: a connection that came to no request is said, also if the jail ended
// before its end was read.
func TestSilent(t *testing.T) {
	n := newNamed(t, nil)
	served, noted := make(chan struct{}, 1), n.b.server.ConnState
	n.b.server.ConnState = func(c net.Conn, s http.ConnState) {
		if noted(c, s); s == http.StateNew {
			served <- struct{}{}
		}
	}
	inside, outside := net.Pipe()
	done := make(chan struct{})
	go func() { n.b.ServeTLS(outside); close(done) }()
	c := tls.Client(inside, &tls.Config{RootCAs: n.roots, ServerName: "example.com"})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	<-served
	_ = n.b.Close()
	inside.Close()
	<-done
	if e := n.event(); e.Why != Silent || e.Forwarded {
		t.Errorf("%+v", e)
	}
}
