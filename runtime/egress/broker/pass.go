package broker

import (
	"errors"
	"io"
	"net/http"
	"sync"
)

// An answer of at most short bytes is passed on by one goroutine, piece by piece. Of a
// longer one another goroutine reads at most ahead bytes while the jail takes what
// came before: both sides of TLS are work for a processor, and what has come meanwhile
// is passed on together. Nothing is kept back to become more.
const (
	piece = 32 << 10
	short = 256 << 10
	ahead = 256 << 10
)

// Buffers that nobody uses.
var (
	pieces = sync.Pool{New: func() any { return new([piece]byte) }}
	aheads = sync.Pool{New: func() any { return new([ahead]byte) }}
)

// outlet is where the body of an answer goes.
type outlet struct {
	w      http.ResponseWriter
	in     *conn // of the jail; nil where its writes shall not be joined
	redact *redactor
	n      *int64
}

// pass copies a body, each piece when it comes.
func (o *outlet) pass(body io.ReadCloser) error {
	// What is known of the answer, before its first byte.
	if err := o.flush(); err != nil {
		return err
	}
	buf, _ := pieces.Get().(*[piece]byte)
	for read := 0; read < short; {
		k, err := body.Read(buf[:])
		read += k
		if failed := o.send(buf[:k]); failed != nil {
			// Not into the pool: HTTP/2 may still look at it.
			return failed
		}
		if err != nil {
			pieces.Put(buf)
			return o.end(err)
		}
	}
	pieces.Put(buf)
	return o.long(body)
}

// long copies the rest of a body by two goroutines. The other one has ended when it
// returns.
func (o *outlet) long(body io.ReadCloser) error {
	buf, _ := aheads.Get().(*[ahead]byte)
	r := newRing(buf[:])
	var reads sync.WaitGroup
	reads.Go(func() { r.fill(body) })
	for {
		p, err := r.next()
		if len(p) == 0 {
			reads.Wait()
			aheads.Put(buf)
			return o.end(err)
		}
		if err := o.send(p); err != nil {
			r.stop()
			_ = body.Close() // what is read ends
			reads.Wait()
			return err
		}
		r.taken(len(p))
	}
}

// send passes on what has come of a body, but what may be the beginning of a secret.
func (o *outlet) send(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	before, now := o.redact.feed(p)
	return o.in.together(len(p), func() error { return errors.Join(o.write(before), o.write(now), o.flush()) })
}

// end: the body has ended, with io.EOF if it is whole.
func (o *outlet) end(err error) error {
	if errors.Is(err, io.EOF) {
		return o.write(o.redact.rest())
	}
	return err
}

func (o *outlet) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	m, err := o.w.Write(p)
	*o.n += int64(m)
	return err
}

func (o *outlet) flush() error { return http.NewResponseController(o.w).Flush() }

// ring is a buffer that one goroutine fills while another empties it.
type ring struct {
	mu      sync.Mutex
	changed *sync.Cond
	buf     []byte
	// in and out count the bytes that came in and went out.
	in, out int
	// err ends what comes in; stopped: nobody wants more.
	err     error
	stopped bool
}

func newRing(buf []byte) *ring {
	r := &ring{buf: buf}
	r.changed = sync.NewCond(&r.mu)
	return r
}

// fill reads until an error, or until nobody wants more.
func (r *ring) fill(from io.Reader) {
	for p := r.free(); len(p) > 0; p = r.free() {
		n, err := from.Read(p)
		r.mu.Lock()
		r.in, r.err = r.in+n, err
		r.changed.Signal()
		r.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// free waits for a place; there is none if nobody wants more.
func (r *ring) free() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.in-r.out == len(r.buf) && !r.stopped {
		r.changed.Wait()
	}
	if r.stopped {
		return nil
	}
	at := r.in % len(r.buf)
	return r.buf[at:min(len(r.buf), at+len(r.buf)-(r.in-r.out))]
}

// next waits for what has come, and why no more will where nothing has.
func (r *ring) next() ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.in == r.out && r.err == nil {
		r.changed.Wait()
	}
	at := r.out % len(r.buf)
	return r.buf[at:min(len(r.buf), at+r.in-r.out)], r.err
}

// taken gives the place of n bytes back.
func (r *ring) taken(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out += n
	r.changed.Signal()
}

func (r *ring) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	r.changed.Signal()
}
