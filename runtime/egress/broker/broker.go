package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Options of a broker.
type Options struct {
	// Key takes the placeholder's place. CheckKey says what it can be. It is
	// empty for a broker without one.
	Key string
	// Source has the key in place of Key, and is asked for each request.
	Source Source
	// Keeper keeps the logins that this service gives out (network.Tokens);
	// Stands is the placeholder that the jail gets for them.
	Keeper Keeper
	Stands string
	// Roots are the certificates that the service's is verified with; nil means the
	// system's.
	Roots *Roots
	// Authority signs for the service's own name. Without one there is no
	// ServeTLS.
	Authority Signer
	// Dial connects to the service, "tcp" and "HOST:PORT". It decides which
	// addresses that may be. Nil is a plain net.Dialer, for tests.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Log is told of each request when it is over, from any goroutine. Nil for
	// nobody.
	Log func(Event)
}

// Source is a key that changes. Its methods are called from any goroutine, and
// no error of it has a key in it.
type Source interface {
	// Key is empty where there is none yet: credentials of the jail's own pass
	// then.
	Key(ctx context.Context) (string, error)
	// Rejected says that the service did not take a key.
	Rejected(key string)
}

// fixed is a Source that has one key.
type fixed string

func (f fixed) Key(context.Context) (string, error) { return string(f), nil }
func (fixed) Rejected(string)                       {}

// Event is one request that is over, or a connection that came to none: that has
// no method. It has no header, no query and no body.
type Event struct {
	// Broker is the broker's name.
	Broker string
	// Method and Path are as the jail sent them.
	Method, Path string
	// Status is what the jail was answered; 0 if it went away before.
	Status int
	// Forwarded: the request was sent on, with the key. Keyless: there was none.
	Forwarded, Keyless bool
	// Sent and Received are bytes of the bodies, as the jail sees it.
	Sent, Received int64
	// Duration is from the request's header to the answer's end.
	Duration time.Duration
	// Why says what went wrong; empty if nothing did. It may name addresses of
	// the host's network, which the jail is not told.
	Why string
}

// Limits. Models think for minutes, so nothing limits a whole request.
const (
	maxConns         = 2048 // clients of HTTP/1.1 have one for each request
	maxIdle          = 256
	maxStreams       = 250 // requests at a time on one connection of HTTP/2
	maxHeader        = 64 << 10
	maxAnswerHeader  = 256 << 10
	headerTimeout    = 30 * time.Second // for the jail to send a request's header
	idleTimeout      = 5 * time.Minute
	dialTimeout      = time.Minute
	handshakeTimeout = 30 * time.Second
	answerTimeout    = 20 * time.Minute // for the first byte of an answer
	pingAfter        = 30 * time.Second // HTTP/2 connections that are silent
	pingTimeout      = 30 * time.Second
)

// Broker serves one service. Its methods can be called from any goroutine.
type Broker struct {
	network.Broker
	upstream  *url.URL
	source    Source
	keeper    Keeper // with Tokens
	stands    string
	bare      *Broker               // as it is without a key; nil where there always is one
	rules     []network.RequestRule // of Allow
	log       func(Event)
	server    *http.Server
	transport *http.Transport
	inside    *tls.Config // for the service's own name; nil without an authority
	slots     chan struct{}
	asked     atomic.Bool     // something, by the service's own name
	ctx       context.Context //nolint:containedctx // ends with Close, as all that it starts
	end       context.CancelFunc
	roots     *Roots
	trust     sync.Once // puts what roots has into transport
}

// Limits of a key's length in bytes. A shorter one would be found in every
// other answer, and overwritten there.
const (
	minKey = 8
	maxKey = 16 << 10
)

// CheckKey reports why a string is no key. The error does not contain it.
func CheckKey(key string) error {
	switch {
	case key == "":
		return errors.New("it is empty")
	case len(key) < minKey:
		return fmt.Errorf("it is shorter than %d characters", minKey)
	case len(key) > maxKey:
		return fmt.Errorf("it is longer than %d KiB", maxKey>>10)
	case strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }):
		return errors.New("it has characters that are not printable ASCII: more than one line, perhaps")
	case strings.TrimSpace(key) != key:
		return errors.New("it begins or ends with a space")
	}
	return nil
}

// New makes a broker for b. No error contains the key.
func New(b network.Broker, o Options) (*Broker, error) {
	if err := b.Check(); err != nil {
		return nil, err
	}
	if o.Source == nil {
		o.Source = fixed(o.Key)
	}
	if err := CheckKey(o.Key); b.From != "" && o.Source == fixed(o.Key) && err != nil {
		return nil, fmt.Errorf("broker %q: the key from %q: %w", b.Name, b.From, err)
	}
	upstream, err := url.Parse(b.Upstream)
	if err != nil {
		return nil, fmt.Errorf("broker %q: %w", b.Name, err)
	}
	if err := o.Roots.check(); err != nil {
		return nil, fmt.Errorf("broker %q: %w", b.Name, err)
	}
	dial := o.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	if b.Tokens != nil && (o.Keeper == nil || o.Stands == "") {
		return nil, fmt.Errorf("broker %q: nobody keeps the logins that it gives out", b.Name)
	}
	own := &Broker{Broker: b, upstream: upstream, source: o.Source, keeper: o.Keeper, stands: o.Stands, log: o.Log, roots: o.Roots, slots: make(chan struct{}, maxConns)}
	own.transport = &http.Transport{
		// No Proxy: the host's proxy variables are not the jail's.
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, dialTimeout)
			defer cancel()
			return dial(ctx, network, addr)
		},
		// RootCAs: see roundTrip.
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    handshakeTimeout,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		DisableCompression:     true,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleTimeout,
		ResponseHeaderTimeout:  answerTimeout,
		MaxResponseHeaderBytes: maxAnswerHeader,
	}
	for _, text := range b.Allow {
		rule, err := network.ParseRequestRule(text)
		if err != nil {
			return nil, fmt.Errorf("broker %q: %w", b.Name, err)
		}
		own.rules = append(own.rules, rule)
	}
	if b.Keep != "" || b.Open {
		own.bare = &Broker{Broker: b, upstream: upstream}
		own.bare.From, own.bare.Header, own.bare.Paths, own.bare.Allow = "", "", nil, nil
	}
	own.ctx, own.end = context.WithCancel(context.Background())
	if o.Authority != nil {
		own.inside = own.config(o.Authority)
	}
	own.server = &http.Server{
		Handler:           http.HandlerFunc(own.handle),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ConnState: func(c net.Conn, s http.ConnState) {
			if _, secured := c.(*tls.Conn); secured && s == http.StateActive && !own.asked.Load() {
				own.asked.Store(true)
			}
		},
		ConnContext: withConn,
		HTTP2:       &http.HTTP2Config{MaxConcurrentStreams: maxStreams, SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		// It would log headers that it did not like, and stacks.
		ErrorLog: log.New(io.Discard, "", 0),
		// "OPTIONS *" is for handle, too.
		DisableGeneralOptionsHandler: true,
	}
	return own, nil
}

// keyed: the broker adds a key.
func (b *Broker) keyed() bool { return b.From != "" }

// trusted reads the certificates, if nobody has. It takes some milliseconds, in which
// a jail can start, and its program can say what it wants.
func (b *Broker) trusted() {
	b.trust.Do(func() {
		if b.roots != nil {
			b.transport.TLSClientConfig.RootCAs = b.roots.read()
		}
	})
}

// roundTrip sends a request.
func (b *Broker) roundTrip(r *http.Request) (*http.Response, error) {
	b.trusted()
	return b.transport.RoundTrip(r)
}

// Serve serves what l accepts until l is closed, whose error it returns.
func (b *Broker) Serve(l net.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go b.ServeConn(c)
	}
}

// ServeConn serves one connection from the jail, to its end, and closes it.
func (b *Broker) ServeConn(c net.Conn) {
	defer c.Close()
	select {
	case b.slots <- struct{}{}:
		defer func() { <-b.slots }()
	default:
		b.full(c)
		return
	}
	go b.trusted()
	inner := &conn{Conn: c, closed: make(chan struct{})}
	// It returns when the connection is closed, with an error that says so.
	_ = b.server.Serve(&single{conn: inner, inner: inner})
}

// tell logs an event, if anybody listens.
func (b *Broker) tell(e Event) {
	if b.log != nil {
		b.log(e)
	}
}

// Close ends all connections and requests.
func (b *Broker) Close() error {
	b.end()
	err := b.server.Close()
	b.transport.CloseIdleConnections()
	return err
}
