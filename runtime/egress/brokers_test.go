package egress

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jailed-claude/jailed-claude/runtime/egress/authority"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

const brokeredKey = "key-0123456789abcdef"

// https is a service of the outside world, and the keys that it was shown.
type https struct {
	server *httptest.Server
	mu     sync.Mutex
	keys   []string
}

// serveHTTPS serves an address of the outside world with the certificate of
// the standard library's tests, which is for example.com.
func serveHTTPS(t *testing.T, address string) *https {
	t.Helper()
	h := new(https)
	h.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.keys = append(h.keys, r.Header.Get("X-Api-Key"))
		h.mu.Unlock()
		_, _ = io.WriteString(w, "hello from "+address)
	}))
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	h.server.Listener.Close()
	h.server.Listener = l
	h.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	h.server.StartTLS()
	t.Cleanup(h.server.Close)
	return h
}

func (h *https) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.server.Certificate().Raw})
}

func (h *https) shown() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.keys)
}

// brokering gives a world a broker for example.com, of the service at public,
// and the jail's authority.
func brokering(a *authority.Authority, h *https) change {
	return func(w *world, o *Options, _ *limits) {
		w.names["example.com."] = w.names["good.example."]
		o.Config.Brokers = []network.Broker{{Name: "test", Host: "example.com", Upstream: "https://example.com", Header: "X-Api-Key", From: "env:X"}}
		o.Keys, o.Roots = map[string]string{"test": brokeredKey}, h.pem()
		if a != nil {
			o.Authority = a
		}
	}
}

func newAuthority(t *testing.T, names ...string) (*authority.Authority, *x509.CertPool) {
	t.Helper()
	a, err := authority.New(names)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(a.PEM())
	return a, pool
}

// get asks for https://HOST/ on a connection and returns the answer.
func get(c net.Conn, host string, roots *x509.CertPool, key string) (string, error) {
	s := tls.Client(c, &tls.Config{ServerName: host, RootCAs: roots})
	if _, err := fmt.Fprintf(s, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nX-Api-Key: %s\r\n\r\n", host, key); err != nil {
		return "", err
	}
	resp, err := http.ReadResponse(bufio.NewReader(s), nil)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return fmt.Sprintf("%d %s", resp.StatusCode, text), err
}

// TestBrokerByName: in every mode, port 443 of a brokered name is the broker,
// and nobody is asked about the name before a request is sent on.
func TestBrokerByName(t *testing.T) {
	h := serveHTTPS(t, "93.184.216.34:443")
	for _, c := range []struct {
		name    string
		changes []change
	}{
		{"none", []change{mode(network.None)}},
		{"filtered", []change{mode(network.Filtered)}},
		{"filtered, and allowed", []change{mode(network.Filtered, "example.com")}},
		{"internet", []change{mode(network.Internet)}},
		{"by proxy", []change{mode(network.None), viaProxy}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, roots := newAuthority(t, "example.com")
			w := newWorld(t, append(c.changes, brokering(a, h))...)
			before := len(h.shown())
			var conn net.Conn
			if c.name == "by proxy" {
				tunnel, status := w.connect(t, "Example.com:443")
				if status != http.StatusOK {
					t.Fatal(status)
				}
				conn = tunnel
			} else {
				conn = w.mustTo("example.com:443")
			}
			if len(w.asked) > 0 || len(w.dials()) > 0 {
				t.Errorf("asked for %q, dialled %v", w.asked, w.dials())
			}
			text, err := get(conn, "example.com", roots, w.session.brokers[0].Placeholder())
			if err != nil || text != "200 hello from 93.184.216.34:443" {
				t.Errorf("%q, %v", text, err)
			}
			if keys := h.shown()[before:]; !slices.Equal(keys, []string{brokeredKey}) {
				t.Errorf("the service was shown %q", keys)
			}
			if e := w.lastEvent(Allow, 1); e.Kind != KindBroker || e.Name != "test" || e.Status != 200 {
				t.Errorf("%+v", e)
			}
			if text := w.log.String(); strings.Contains(text, brokeredKey) {
				t.Errorf("the log: %s", text)
			}
		})
	}
}

// TestOthersAreNotDecrypted: a name without a broker gets the service's own
// certificate, and the placeholder arrives there as it is.
func TestOthersAreNotDecrypted(t *testing.T) {
	h := serveHTTPS(t, "93.184.216.34:443")
	for _, m := range []string{network.Filtered, network.Internet} {
		a, roots := newAuthority(t, "example.com", "good.example")
		w := newWorld(t, mode(m, "good.example"), brokering(a, h))
		hold := w.session.brokers[0].Placeholder()
		c := tls.Client(w.mustTo("good.example:443"), &tls.Config{ServerName: "good.example", InsecureSkipVerify: true})
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		if got := c.ConnectionState().PeerCertificates[0]; !bytes.Equal(got.Raw, h.server.Certificate().Raw) {
			t.Errorf("%s: the certificate is of %s", m, got.Issuer)
		}
		fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: good.example\r\nConnection: close\r\nX-Api-Key: %s\r\n\r\n", hold)
		_, _ = io.ReadAll(c)
		if keys := h.shown(); keys[len(keys)-1] != hold {
			t.Errorf("%s: %q", m, keys)
		}
		// The jail's authority is nobody there.
		if _, err := get(w.mustTo("good.example:443"), "good.example", roots, hold); err == nil {
			t.Errorf("%s: the relay signs for good.example", m)
		}
	}
}

// TestBrokerByNameRefuses: another server name, a port that has no rule, and
// what "deny" closes.
func TestBrokerByNameRefuses(t *testing.T) {
	h := serveHTTPS(t, "93.184.216.34:443")
	serve(t, "93.184.216.34:22", echo)
	a, roots := newAuthority(t, "example.com", "good.example")
	w := newWorld(t, mode(network.Filtered, "good.example"), brokering(a, h))
	hold := w.session.brokers[0].Placeholder()
	for _, name := range []string{"good.example", "www.example.com", "xn--e"} {
		if text, err := get(w.mustTo("example.com:443"), name, roots, hold); err == nil {
			t.Errorf("%s: %s", name, text)
		}
	}
	if e := w.lastEvent(Deny, 1); e.Kind != KindBroker || !strings.Contains(e.Why, "server name") {
		t.Errorf("%+v", e)
	}
	if err := w.refused("example.com:22"); err != nil {
		t.Error(err)
	}
	if len(h.shown()) != 0 || len(w.dials()) != 0 {
		t.Errorf("the service was shown %q, dialled %v", h.shown(), w.dials())
	}
	for _, rule := range []string{"example.com", "example.com:443"} {
		w := newWorld(t, mode(network.Internet), denying(rule), brokering(a, h))
		if rule == "example.com:443" {
			if err := w.refused(rule); err != nil {
				t.Errorf("%s: %v", rule, err)
			}
			continue
		}
		if addr, err := w.lookup("example.com"); err == nil {
			t.Errorf("denied by %s, and found at %s", rule, addr)
		}
	}
	_, err := tryWorld(t, brokering(nil, h))
	if err == nil || !strings.Contains(err.Error(), "no authority") {
		t.Errorf("without an authority: %v", err)
	}
}

// TestServiceOfHost: a broker's service may have a name of one label, as
// "localhost" and names of an intranet do, with a dot at its end or not, or be an
// address. No program inside can ask for one.
func TestServiceOfHost(t *testing.T) {
	for i, host := range []string{"localhost", "localhost.", "127.0.0.1", "[::1]"} {
		port := strconv.Itoa(8443 + i)
		at := "127.0.0.1:" + port
		if host == "[::1]" {
			at = host + ":" + port
		}
		h := serveHTTPS(t, at)
		a, roots := newAuthority(t, "example.com")
		w := newWorld(t, mode(network.Internet), brokering(a, h), func(w *world, o *Options, _ *limits) {
			o.Config.Brokers[0].Upstream = "https://" + host + ":" + port
			o.LookupHost = nil // by this host's /etc/hosts
		})
		text, err := get(w.mustTo("example.com:443"), "example.com", roots, w.session.brokers[0].Placeholder())
		want := "hello from " + at
		if strings.HasPrefix(host, "localhost") {
			want = "TLS certificate was not accepted" // it has another name
		}
		if err != nil || !strings.Contains(text, want) {
			t.Errorf("%s: %q, %v", host, text, err)
		}
		dials := w.dials()
		if len(dials) == 0 || dials[0].String() != at && dials[0].String() != "[::1]:"+port {
			t.Errorf("%s: dialled %v", host, dials)
		}
		if err := w.refused("localhost:" + port); err == nil && len(w.dials()) != len(dials) {
			t.Errorf("%s: a program inside reached the host's loopback", host)
		}
	}
}
