package viewers

import (
	"net"
	"sync"
	"time"

	"github.com/jailed-claude/jailed-claude/runtime/session"
)

// maxQueue is how much waits for a viewer.
const maxQueue = 1 << 20

// patience is how long the agent waits for one that writes and does not read. One
// that only looks is never waited for. Tests have less of it.
var patience = 10 * time.Second

// viewer is one of those who look.
type viewer struct {
	conn     *net.UnixConn
	readOnly bool
	// width and height are those of its terminal, guarded by the screen.
	width, height uint16

	mu     sync.Mutex
	change *sync.Cond
	queue  []byte
	// closing: no more comes; gone: nobody takes it.
	closing, gone bool
	done          chan struct{}
}

func newViewer(c *net.UnixConn, readOnly bool) *viewer {
	v := &viewer{conn: c, readOnly: readOnly, done: make(chan struct{})}
	v.change = sync.NewCond(&v.mu)
	go v.pump()
	return v
}

// pump sends what waits.
func (v *viewer) pump() {
	defer close(v.done)
	v.mu.Lock()
	defer v.mu.Unlock()
	for {
		for len(v.queue) == 0 && !v.closing && !v.gone {
			v.change.Wait()
		}
		if v.gone || len(v.queue) == 0 {
			break
		}
		out := v.queue
		v.queue = nil
		v.mu.Unlock()
		_, err := v.conn.Write(out)
		v.mu.Lock()
		v.gone = v.gone || err != nil
		v.change.Broadcast()
	}
	v.gone = true
	v.change.Broadcast()
	v.conn.Close()
}

// put has something wait. It reports whether that is too much.
func (v *viewer) put(k session.Kind, payload []byte) (full bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.gone || v.closing {
		return false
	}
	v.queue = session.AppendFrames(v.queue, k, payload)
	v.change.Broadcast()
	return len(v.queue) > maxQueue
}

// relieve waits until a viewer that is full takes something, and gives it up where
// that does not come.
func (v *viewer) relieve() {
	if v.readOnly {
		v.drop()
		return
	}
	t := time.AfterFunc(patience, v.drop)
	defer t.Stop()
	v.mu.Lock()
	defer v.mu.Unlock()
	for len(v.queue) > maxQueue && !v.gone {
		v.change.Wait()
	}
}

func (v *viewer) drop() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.gone = true
	v.change.Broadcast()
	v.conn.Close()
}

// finish sends what waits, and hangs up.
func (v *viewer) finish() {
	v.mu.Lock()
	v.closing = true
	v.change.Broadcast()
	v.mu.Unlock()
	t := time.AfterFunc(patience, v.drop)
	defer t.Stop()
	<-v.done
}
