package crowd

import (
	"sync/atomic"
	"time"
)

const (
	// together are decided about before the next one has to wait.
	together = 64
	// moment is how long it waits at most: those before it may wait for a peer
	// that does not answer, or for the user.
	moment = 5 * time.Millisecond
)

// Pace has connections come as fast as they are decided about. If a goroutine
// began with each of thousands that come at once, the Go runtime would keep what
// it needs for each of them for ever.
type Pace struct {
	undecided atomic.Int32
	went      chan struct{}
}

// NewPace is one for connections of which none has come.
func NewPace() *Pace { return &Pace{went: make(chan struct{}, 1)} }

// Came is called when there is one more.
func (p *Pace) Came() { p.undecided.Add(1) }

// Went is called when it is decided what becomes of one.
func (p *Pace) Went() {
	p.undecided.Add(-1)
	select {
	case p.went <- struct{}{}:
	default:
	}
}

// Wait returns when the next one may come.
func (p *Pace) Wait() {
	if p.undecided.Load() < together {
		return
	}
	t := time.NewTimer(moment)
	defer t.Stop()
	for p.undecided.Load() >= together {
		select {
		case <-p.went:
		case <-t.C:
			return
		}
	}
}
