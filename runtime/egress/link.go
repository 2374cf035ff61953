package egress

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jailed-claude/jailed-claude/runtime/egress/crowd"
	"github.com/jailed-claude/jailed-claude/runtime/egress/splice"
	"github.com/jailed-claude/jailed-claude/runtime/quick"
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
	// flows are in and out when their bytes flow; nil before.
	flows *splice.Pair
	// why it was aborted.
	why string

	// ahead are bytes that were sent before.
	ahead int64
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
	s.pace.Came()
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
		k.s.pace.Went()
	}
}

// start lets the bytes flow. The goroutine that decided and dialled ends.
func (k *link) start() {
	k.decided()
	k.mu.Lock()
	if k.why == "" {
		var err error
		k.s.running.Add(1)
		k.flows, err = k.s.loop.Join(k.in, k.out, func(err error) {
			k.ended(err)
			k.s.running.Done()
		})
		if err == nil {
			k.mu.Unlock()
			return
		}
		k.why = err.Error()
		k.s.running.Done()
	}
	k.mu.Unlock()
	k.finish()
}

// ended is the end of what flowed.
func (k *link) ended(err error) {
	k.mu.Lock()
	if err != nil && k.why == "" {
		k.why = err.Error()
	}
	k.mu.Unlock()
	k.finish()
}

// moved are the bytes that k's program has sent and received.
func (k *link) moved() (sent, received int64) {
	if k.flows != nil {
		sent, received = k.flows.Moved()
	}
	return k.ahead + sent, received
}

// abort resets both sides. Goroutines that wait for them go on.
func (k *link) abort(why string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.why != "" {
		return
	}
	k.why = why
	if k.flows != nil {
		k.flows.Abort()
		return
	}
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
	e.Sent, e.Received = k.moved()
	k.s.journal.event(e)
}

// giveBack gives back what connections needed that have ended.
func (s *Session) giveBack() {
	s.mu.Lock()
	s.crowd = crowd.Crowd{Most: len(s.open)}
	if len(s.open) == 0 {
		s.open = map[*link]struct{}{} // it never shrinks
	}
	s.mu.Unlock()
	splice.Drop()
	quick.GiveBack()
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
	k.mu.Lock()
	flows := k.flows
	k.mu.Unlock()
	if flows == nil {
		return // it has limits of its own
	}
	sent, received := flows.Moved()
	k.lookAt(sent+received, flows.Half(), l)
}

func (k *link) lookAt(moved int64, half bool, l limits) {
	if moved != k.seen {
		k.seen, k.quiet = moved, 0
		return
	}
	k.quiet += l.watch
	if k.quiet >= l.idle || half && k.quiet >= l.halfIdle {
		k.abort("idle")
	}
}
