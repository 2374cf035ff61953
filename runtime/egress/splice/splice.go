package splice

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Loop moves the bytes of pairs of connections. A pair in which nothing moves has
// no goroutine, and Go's poller knows nothing of it: of thousands of them that
// were open once, the Go runtime would keep a kilobyte each for ever.
type Loop struct {
	poll *os.File // an epoll instance

	mu sync.Mutex
	// pairs by their two descriptors.
	pairs []*Pair
}

// NewLoop is one without pairs. It serves until Close.
func NewLoop() (*Loop, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // for Go's poller, which polls this one
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	return &Loop{poll: os.NewFile(uintptr(fd), "epoll")}, nil
}

// Close ends Serve. Pairs have to be over, or aborted.
func (l *Loop) Close() error { return l.poll.Close() }

// Serve has the bytes of pairs moved when they come, until Close.
func (l *Loop) Serve() {
	c, err := l.poll.SyscallConn()
	if err != nil {
		return // closed
	}
	events := make([]unix.EpollEvent, 128)
	_ = c.Read(func(fd uintptr) bool {
		for {
			n, err := unix.EpollWait(int(fd), events, 0)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if n <= 0 {
				return false
			}
			for _, e := range events[:n] {
				l.reported(int(e.Fd), e.Events)
			}
		}
	})
}

// reported has the flows run that wait for what a socket reports. It may be of an
// earlier one with the same number: then they find nothing and wait on.
func (l *Loop) reported(fd int, events uint32) {
	l.mu.Lock()
	var p *Pair
	if fd < len(l.pairs) {
		p = l.pairs[fd]
	}
	l.mu.Unlock()
	if p == nil {
		return
	}
	const bad = unix.EPOLLHUP | unix.EPOLLERR
	for i := range p.flows {
		f := &p.flows[i]
		if f.src == fd && events&(unix.EPOLLIN|unix.EPOLLRDHUP|bad) != 0 && f.wake(waitsRead) ||
			f.dst == fd && events&(unix.EPOLLOUT|bad) != 0 && f.wake(waitsWrite) {
			go p.run(f)
		}
	}
}

// Pair is two connections: what comes from one goes to the other.
type Pair struct {
	loop  *Loop
	flows [2]flow // from the first to the second, and the other way
	left  atomic.Int32
	ended func(error)

	mu      sync.Mutex
	aborted bool
	why     error
}

// Join lets bytes flow between two connections, which it takes over: the caller's
// are closed. The end of one direction is passed on, and the other flows;
// everything else resets both. When both directions have ended, both connections
// are closed and ended is called, on another goroutine, with the error that there
// was.
func (l *Loop) Join(a, b *net.TCPConn, ended func(error)) (*Pair, error) {
	first, err := take(a)
	if err != nil {
		_ = b.Close()
		return nil, err
	}
	second, err := take(b)
	if err != nil {
		_ = unix.Close(first)
		return nil, err
	}
	p := &Pair{loop: l, ended: ended}
	p.flows[0].src, p.flows[0].dst = first, second
	p.flows[1].src, p.flows[1].dst = second, first
	p.left.Store(2)
	l.know(p)
	// Each reports at once what it has.
	for _, fd := range []int{first, second} {
		e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(fd)}
		if err := l.control(fd, &e); err != nil {
			p.abort(err)
			break
		}
	}
	return p, nil
}

// take takes the socket of a connection out of Go's hands.
func take(c *net.TCPConn) (fd int, err error) {
	defer c.Close()
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	if e := raw.Control(func(from uintptr) { fd, err = unix.FcntlInt(from, unix.F_DUPFD_CLOEXEC, 0) }); e != nil {
		return -1, e
	}
	return fd, os.NewSyscallError("fcntl", err)
}

func (l *Loop) control(fd int, e *unix.EpollEvent) (err error) {
	c, err := l.poll.SyscallConn()
	if err != nil {
		return err
	}
	if e := c.Control(func(poll uintptr) { err = unix.EpollCtl(int(poll), unix.EPOLL_CTL_ADD, fd, e) }); e != nil {
		return e
	}
	return os.NewSyscallError("epoll_ctl", err)
}

// know takes p into the books, before its sockets can report.
func (l *Loop) know(p *Pair) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, fd := range []int{p.flows[0].src, p.flows[1].src} {
		for len(l.pairs) <= fd {
			l.pairs = append(l.pairs, nil)
		}
		l.pairs[fd] = p
	}
}

// forget closes p's sockets, of which nothing runs any more.
func (l *Loop) forget(p *Pair) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, fd := range []int{p.flows[0].src, p.flows[1].src} {
		l.pairs[fd] = nil
		_ = unix.Close(fd)
	}
}

// run moves bytes until it has to wait, or the direction has ended.
func (p *Pair) run(f *flow) {
	for !p.isAborted() {
		waits, err := f.move()
		if err == nil && waits == over {
			err = os.NewSyscallError("shutdown", unix.Shutdown(f.dst, unix.SHUT_WR))
		}
		if err != nil {
			p.abort(err)
			break
		}
		if waits == over {
			break
		}
		if f.rest(waits) {
			return
		}
	}
	f.give()
	f.state.Store(over)
	if p.left.Add(-1) > 0 {
		return
	}
	p.mu.Lock()
	aborted, why := p.aborted, p.why
	p.mu.Unlock()
	for i := range p.flows {
		if aborted {
			_ = unix.SetsockoptLinger(p.flows[i].src, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		}
	}
	p.loop.forget(p)
	p.ended(why)
}

func (p *Pair) isAborted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.aborted
}

// Abort resets both connections. ended is called as always.
func (p *Pair) Abort() { p.abort(nil) }

func (p *Pair) abort(why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.aborted {
		return
	}
	p.aborted, p.why = true, why
	for i := range p.flows {
		if f := &p.flows[i]; f.wake(-1) {
			go p.run(f)
		}
	}
}

// Moved are the bytes that went from the first to the second connection, and back.
func (p *Pair) Moved() (there, back int64) { return p.flows[0].moved.Load(), p.flows[1].moved.Load() }

// Half says that a direction has ended.
func (p *Pair) Half() bool { return p.left.Load() < 2 }
