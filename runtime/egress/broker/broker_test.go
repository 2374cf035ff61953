package broker

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

const key = "sk-real-0123456789-abcdefghijklmnopqrstuvwxyz"

// seen is what the service got of a request.
type seen struct {
	method, host, uri, body string
	proto                   int
	header                  http.Header
	cut                     bool // the body broke off
}

// lab is a broker, the service behind it, and what both have seen.
type lab struct {
	t       testing.TB
	b       *Broker
	addr    string // of the broker
	service *httptest.Server
	mu      sync.Mutex
	got     []seen
	events  []Event
	dialled []string
	logged  chan struct{}
}

// change makes of the usual broker another one.
type change func(*network.Broker, *Options, *httptest.Server)

// newLab plays https://example.com, whose certificate httptest has.
func newLab(t testing.TB, answer http.HandlerFunc, changes ...change) *lab {
	t.Helper()
	l := &lab{t: t, logged: make(chan struct{}, 1000)}
	l.service = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := seen{method: r.Method, host: r.Host, uri: r.RequestURI, proto: r.ProtoMajor, header: r.Header.Clone()}
		if answer == nil {
			body, err := io.ReadAll(r.Body)
			s.body, s.cut = string(body), err != nil
		}
		l.mu.Lock()
		l.got = append(l.got, s)
		l.mu.Unlock()
		if answer != nil {
			answer(w, r)
		}
	}))
	l.service.EnableHTTP2 = true
	l.service.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that fail are meant to
	nb := network.Broker{Name: "test", Upstream: "https://example.com", Header: "X-Api-Key", From: "env:KEY", Paths: []string{"/v1/messages", "/v1/messages/"}}
	o := Options{Key: key, Log: func(e Event) {
		l.mu.Lock()
		l.events = append(l.events, e)
		l.mu.Unlock()
		l.logged <- struct{}{}
	}}
	o.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		l.mu.Lock()
		l.dialled = append(l.dialled, addr)
		l.mu.Unlock()
		return new(net.Dialer).DialContext(ctx, network, l.service.Listener.Addr().String())
	}
	for _, c := range changes {
		c(&nb, &o, l.service)
	}
	l.service.StartTLS()
	t.Cleanup(l.service.Close)
	if o.Roots == nil {
		o.Roots = NewRoots(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: l.service.Certificate().Raw}))
	}
	b, err := New(nb, o)
	if err != nil {
		t.Fatal(err)
	}
	l.b = b
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.addr = ln.Addr().String()
	served := make(chan error)
	go func() { served <- b.Serve(ln) }()
	t.Cleanup(func() {
		ln.Close()
		if err := <-served; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve: %v", err)
		}
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return l
}

// generic is a broker without a list of paths, for Authorization.
func generic(b *network.Broker, _ *Options, _ *httptest.Server) {
	b.Header, b.Paths = "Authorization", nil
}

// http1 is a service that does not speak HTTP/2.
func http1(_ *network.Broker, _ *Options, s *httptest.Server) { s.EnableHTTP2 = false }

// do sends a request to the broker and returns the answer with its whole body.
func (l *lab) do(method, path, body string, header ...string) (*http.Response, string) {
	l.t.Helper()
	r, err := http.NewRequest(method, "http://"+l.addr+path, strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	c := http.Client{
		Transport:     &http.Transport{DisableCompression: true, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := c.Do(r)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		l.t.Fatalf("%s %s: %v, after %q", method, path, err, text)
	}
	return resp, string(text)
}

// raw sends bytes to the broker and returns all that comes back.
func (l *lab) raw(text string) string {
	l.t.Helper()
	c, err := net.Dial("tcp", l.addr)
	if err != nil {
		l.t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		l.t.Fatal(err)
	}
	answer, _ := io.ReadAll(c) // a reset is an end as well
	return string(answer)
}

// last is the only request that the service has got since the last call.
func (l *lab) last() seen {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.got) != 1 {
		l.t.Fatalf("the service got %d requests: %+v", len(l.got), l.got)
	}
	s := l.got[0]
	l.got = nil
	return s
}

// event waits for the end of one more request.
func (l *lab) event() Event {
	l.t.Helper()
	<-l.logged
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.events[len(l.events)-1]
}

// clean: the key is nowhere in text.
func clean(t *testing.T, what string, values ...any) {
	t.Helper()
	if text := fmt.Sprintf("%+v", values); strings.Contains(strings.ToLower(text), strings.ToLower(key)) {
		t.Errorf("%s has the key: %s", what, text)
	}
}

func TestCheckKey(t *testing.T) {
	for _, bad := range []string{"", "k-3-y", key + "\n", "two\nlines-of-a-key", key + "\x00", key + "é", " " + key, strings.Repeat("k", maxKey+1)} {
		_, err := New(agent.Claude().Keys[0].For("env:X"), Options{Key: bad})
		if err == nil || !strings.Contains(err.Error(), `broker "anthropic"`) || !strings.Contains(err.Error(), "env:X") {
			t.Errorf("%.60q: %v", bad, err)
		} else if bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("the error has the key: %v", err)
		}
	}
	if _, err := New(agent.Claude().Keys[0].For("env:X"), Options{Key: key, Roots: NewRoots([]byte("none"))}); err == nil {
		t.Error("roots without a certificate are taken")
	}
	if _, err := New(network.Broker{Name: "x"}, Options{Key: key}); err == nil {
		t.Error("half a broker is taken")
	}
}
