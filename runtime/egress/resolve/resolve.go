package resolve

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

const (
	// keepFound and keepMissing are how long an answer is used again.
	keepFound   = 30 * time.Second
	keepMissing = 2 * time.Second
	// resolveTime is how long the host's name servers have.
	resolveTime = 10 * time.Second
	// maxLookups are under way at a time, maxNames answers kept.
	maxLookups = 32
	maxNames   = 4096
	// maxAddresses of a name are considered.
	maxAddresses = 32
)

var errBusy = errors.New("too many names are being looked up")

// Resolver asks the host's name servers, once for all who ask at the same time.
type Resolver struct {
	ctx    context.Context //nolint:containedctx // the session's, not that of whoever asks first
	lookup func(ctx context.Context, name string) ([]netip.Addr, error)
	slots  chan struct{}

	mu      sync.Mutex
	answers map[string]*answer
}

type answer struct {
	done chan struct{} // closed when the rest is set
	addr []netip.Addr
	err  error
	end  time.Time // zero as long as it is under way
}

// New makes one that asks lookup; nil means the host's /etc/hosts and name servers.
func New(ctx context.Context, lookup func(context.Context, string) ([]netip.Addr, error)) *Resolver {
	if lookup == nil {
		// Go's own: it starts no program and loads no library (nsswitch) in
		// this process.
		lookup = func(ctx context.Context, name string) ([]netip.Addr, error) {
			return (&net.Resolver{PreferGo: true}).LookupNetIP(ctx, "ip", name)
		}
	}
	return &Resolver{ctx: ctx, lookup: lookup, slots: make(chan struct{}, maxLookups), answers: map[string]*answer{}}
}

// Resolve returns the addresses of a normal name, of which there is at least
// one without an error. No search domain of the host is tried: the jail says
// which names are asked for.
func (r *Resolver) Resolve(ctx context.Context, name string) ([]netip.Addr, error) {
	return r.query(ctx, name+".")
}

// AsHost does the same for a name that the user wrote. One of a single
// label is looked up as a program of the host would: "localhost" is in
// /etc/hosts without a dot at its end, and others need a search domain.
func (r *Resolver) AsHost(ctx context.Context, name string) ([]netip.Addr, error) {
	name = strings.TrimSuffix(name, ".")
	if strings.Contains(name, ".") {
		return r.Resolve(ctx, name)
	}
	return r.query(ctx, name)
}

// query asks for a name as it is written.
func (r *Resolver) query(ctx context.Context, name string) ([]netip.Addr, error) {
	a := r.answer(name)
	if a == nil {
		return nil, errBusy
	}
	select {
	case <-a.done:
		return a.addr, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// answer is the one that is known or under way, or a new one.
func (r *Resolver) answer(name string) *answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if a := r.answers[name]; a != nil && (a.end.IsZero() || now.Before(a.end)) {
		return a
	}
	if len(r.answers) >= maxNames && !r.forget(now) {
		return nil
	}
	a := &answer{done: make(chan struct{})}
	r.answers[name] = a
	go r.ask(a, name)
	return a
}

// Clear forgets every answer, as if all were out of date.
func (r *Resolver) Clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.answers)
}

// forget makes room: of all that is out of date, or else of any one that is
// not under way.
func (r *Resolver) forget(now time.Time) bool {
	var finished string
	for name, a := range r.answers {
		switch {
		case a.end.IsZero():
		case now.Before(a.end):
			finished = name
		default:
			delete(r.answers, name)
		}
	}
	if len(r.answers) >= maxNames {
		delete(r.answers, finished)
	}
	return len(r.answers) < maxNames
}

func (r *Resolver) ask(a *answer, name string) {
	ctx, cancel := context.WithTimeout(r.ctx, resolveTime)
	defer cancel()
	var addr []netip.Addr
	var err error
	select {
	case r.slots <- struct{}{}:
		addr, err = r.lookup(ctx, name)
		<-r.slots
	case <-ctx.Done():
		err = ctx.Err()
	}
	keep := keepFound
	if err == nil && len(addr) == 0 {
		err = &net.DNSError{Err: "no addresses", Name: name, IsNotFound: true}
	}
	if err != nil {
		addr, keep = nil, keepMissing
	}
	if len(addr) > maxAddresses {
		addr = addr[:maxAddresses]
	}
	for i := range addr {
		addr[i] = addr[i].Unmap()
	}
	r.mu.Lock()
	a.addr, a.err, a.end = addr, err, time.Now().Add(keep)
	r.mu.Unlock()
	close(a.done)
}

// Missing reports whether err says that there is no such name.
func Missing(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}
