package broker

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Signer makes certificates for names that have brokers, and for no others.
type Signer interface {
	Certificate(name string) (*tls.Certificate, error)
}

// config is how the broker proves to the jail that it is the service. The
// name that a client asks for has to be the service's, whatever the authority
// would sign for besides.
func (b *Broker) config(authority Signer) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			name, ok := network.Normal(h.ServerName)
			if !ok || !b.Serves(name) {
				return nil, fmt.Errorf("the TLS server name is %q, not %q", clip(h.ServerName), b.Host)
			}
			return authority.Certificate(name)
		},
	}
}

// ServeTLS serves one connection from the jail to the service's own name, to
// its end, and closes it.
func (b *Broker) ServeTLS(c net.Conn) {
	inner := &conn{Conn: c, closed: make(chan struct{})}
	defer inner.Close()
	select {
	case b.slots <- struct{}{}:
		defer func() { <-b.slots }()
	default:
		b.tell(Event{Broker: b.Name, Why: fmt.Sprintf("there are %d connections to it already", maxConns)})
		return
	}
	go b.trusted()
	secured := tls.Server(inner, b.inside)
	ctx, cancel := context.WithTimeout(b.ctx, handshakeTimeout)
	err := secured.HandshakeContext(ctx)
	cancel()
	if err != nil {
		b.tell(Event{Broker: b.Name, Why: "TLS with a program in the jail: " + err.Error()})
		return
	}
	// It returns when the connection is closed, with an error that says so.
	_ = b.server.Serve(&single{conn: secured, inner: inner})
	// Also where the jail ended with the program, before its end was read.
	if !b.asked.Load() {
		b.tell(Event{Broker: b.Name, Why: Silent})
	}
}

// Silent is why an event is of no request: programs that pin certificates look at
// them when the connection stands. Others open connections ahead, and ask then.
const Silent = "a program in the jail saw the certificate, and ended the connection"

// byName: the request came to the service's own name, with TLS.
func byName(r *http.Request) bool { return r.TLS != nil }

// misdirected: the request came to the service's own name and is for another
// host.
func (b *Broker) misdirected(r *http.Request) bool {
	host, ok := askedFor(r)
	if !byName(r) {
		return b.Below() != "" // which of the hosts, nobody knows
	}
	name, _ := network.Normal(r.TLS.ServerName)
	return !ok || !b.Serves(host) || host != name
}

// askedFor is the host that a request is for, as a normal name.
func askedFor(r *http.Request) (string, bool) {
	return network.Normal(strings.TrimSuffix(r.Host, fmt.Sprintf(":%d", network.HTTPSPort)))
}
