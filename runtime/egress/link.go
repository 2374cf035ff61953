package egress

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jailed-claude/jailed-claude/runtime/egress/crowd"
	"github.com/jailed-claude/jailed-claude/runtime/egress/splice"
)

// link is one connection: in to the program inside (for a published port, to
// the host's), out to what it asked for.
type link struct {
	s     *Session
	in    *net.TCPConn
	begin time.Time
	event Event

	mu  sync.Mutex
	out *net.TCPConn
	// why it was aborted.
	why string

	// sent from in to out, received the other way.
	sent, received atomic.Int64
	// left are the directions that still flow; 0 before they begin, too.
	left atomic.Int32
	// flows: both directions have begun.
	flows atomic.Bool
	// known: it is decided what becomes of it.
	known atomic.Bool

	// is what was asked for, once it is decided about; nil for what no rule is of.
	is atomic.Pointer[request]

	// For watch alone.
	seen  int64
	quiet time.Duration
}

// add takes a connection into the books; nil if there are too many.
func (s *Session) add(in *net.TCPConn) *link {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	if len(s.open) >= s.limits.open {
		s.journal.event(Event{Kind: KindTCP, Verdict: Fail, Why: "too many connections are open"})
		return nil
	}
	k := &link{s: s, in: in, begin: time.Now()}
	s.open[k] = struct{}{}
	s.deciding.Add(1)
	s.crowd.Came(len(s.open))
	return k
}

// to gives k its other end; false if k has been aborted.
func (k *link) to(out *net.TCPConn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.why != "" {
		reset(out)
		return false
	}
	k.out = out
	return true
}

// decided says that Close need not wait for k any more.
func (k *link) decided() {
	if k.known.CompareAndSwap(false, true) {
		k.s.deciding.Done()
	}
}

// start lets the bytes flow. Both directions have goroutines with a fresh
// stack: the one that decided and dialled has a large one.
func (k *link) start() {
	k.left.Store(2)
	k.flows.Store(true)
	k.decided()
	k.s.running.Go(func() { k.flow(k.out, k.in, &k.sent) })
	k.s.running.Go(func() { k.flow(k.in, k.out, &k.received) })
}

// flow copies one direction to its end and passes the end on: a FIN as a FIN,
// everything else as a reset of both sides.
func (k *link) flow(dst, src *net.TCPConn, n *atomic.Int64) {
	err := splice.Copy(dst, src, n)
	if err == nil {
		err = dst.CloseWrite()
	}
	if err != nil {
		k.abort(err.Error())
	}
	if k.left.Add(-1) == 0 {
		k.finish()
	}
}

// abort resets both sides. Goroutines that wait for them go on.
func (k *link) abort(why string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.why != "" {
		return
	}
	k.why = why
	reset(k.in)
	if k.out != nil {
		reset(k.out)
	}
}

// finish ends k: it closes what is open, and logs.
func (k *link) finish() {
	defer k.decided()
	k.mu.Lock()
	_ = k.in.Close()
	if k.out != nil {
		_ = k.out.Close()
	}
	why := k.why
	k.mu.Unlock()
	k.s.mu.Lock()
	delete(k.s.open, k)
	if k.s.crowd.Went(len(k.s.open)) {
		time.AfterFunc(crowd.Calm, k.s.giveBack)
	}
	k.s.mu.Unlock()
	e := k.event
	if e.Kind == "" {
		return
	}
	if e.Why == "" {
		e.Why = why
	}
	e.Time, e.Duration = k.begin, time.Since(k.begin).Milliseconds()
	e.Sent, e.Received = k.sent.Load(), k.received.Load()
	k.s.journal.event(e)
}

// reset closes c at once, with an RST.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

// watch ends connections on which nothing moves.
func (s *Session) watch() {
	t := time.NewTicker(s.limits.watch)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-s.ctx.Done():
			return
		}
		s.mu.Lock()
		for k := range s.open {
			k.look(s.limits)
		}
		s.mu.Unlock()
	}
}

func (k *link) look(l limits) {
	if !k.flows.Load() {
		return // it has limits of its own
	}
	if n := k.sent.Load() + k.received.Load(); n != k.seen {
		k.seen, k.quiet = n, 0
		return
	}
	k.quiet += l.watch
	if k.quiet >= l.idle || k.left.Load() < 2 && k.quiet >= l.halfIdle {
		k.abort("idle")
	}
}
