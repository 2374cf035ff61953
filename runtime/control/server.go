package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/hint"
)

// name is what the descriptor that leads to a socket is known by (dial.go).
const name = "jailed-claude.control"

// Handler answers a request. What it returns is sent as JSON, an error as its
// text and its hints.
type Handler func(*Request) (answer any, err error)

// Request is what came from a command.
type Request struct {
	// Args are the arguments, for Handler to decode (Decode).
	Args json.RawMessage
	// Files are descriptors that came along. They are closed when the handler
	// returns, unless it sets them to nil.
	Files []*os.File
	// Send are descriptors that go with the answer. They are closed then.
	Send []*os.File
	// Take, where a handler sets it, is called behind the answer, and has the
	// connection for itself.
	Take func(*net.UnixConn)
}

// Decode reads the arguments. What it does not know it refuses: a later version
// may mean something by it.
func (r *Request) Decode(args any) error { return strict(r.Args, args) }

// Server is the supervisor's side of a socket.
type Server struct {
	listener *net.UnixListener
	// place leads those that find it in /proc to the socket.
	place *os.File

	mu       sync.Mutex
	handlers map[string]Handler
	conns    map[*net.UnixConn]bool
	closed   bool
	running  sync.WaitGroup
}

// Listen makes a socket. dir is a folder that nobody else sees, where its file is
// for a moment; it may be gone afterwards.
func Listen(dir string) (*Server, error) {
	file := filepath.Join(dir, name)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: file, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("control channel: %w", err)
	}
	l.SetUnlinkOnClose(false) // by then the name may be somebody else's
	err = os.Chmod(file, 0o600)
	fd := -1
	if err == nil {
		fd, err = unix.Open(file, unix.O_PATH|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	}
	if err = errors.Join(err, os.Remove(file)); err != nil {
		if fd >= 0 {
			unix.Close(fd)
		}
		return nil, errors.Join(fmt.Errorf("control channel: %w", err), l.Close())
	}
	return &Server{
		listener: l, place: os.NewFile(uintptr(fd), name),
		handlers: map[string]Handler{}, conns: map[*net.UnixConn]bool{},
	}, nil
}

// Handle has a handler answer the requests of a name.
func (s *Server) Handle(name string, h Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handlers[name] = h
}

// Serve answers until Close.
func (s *Server) Serve() {
	for {
		c, err := s.listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // that peer is gone
		}
		if !s.begin(c) {
			c.Close()
			return
		}
		go func() {
			defer s.end(c)
			if err := allowed(c); err != nil {
				_ = send(c, reply{Error: err.Error()}, nil)
				return
			}
			s.converse(c)
		}()
	}
}

func (s *Server) begin(c *net.UnixConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.conns[c] = true
	s.running.Add(1)
	return true
}

func (s *Server) end(c *net.UnixConn) {
	c.Close()
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.running.Done()
}

// grace is how long Finish waits for those who are told something.
const grace = 2 * time.Second

// Finish is Close, after those that are served have had time to hear what they
// waited for. Whoever waits for nothing ends it sooner by hanging up.
func (s *Server) Finish() {
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		_ = c.CloseRead() // nothing more is asked
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.running.Wait()
	}()
	select {
	case <-done:
	case <-time.After(grace):
	}
	s.Close()
}

// Close ends the socket and every connection, and waits for the handlers.
func (s *Server) Close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.listener.Close()
	s.place.Close()
	s.running.Wait()
}

// converse answers requests until the peer hangs up, or one takes the connection.
func (s *Server) converse(c *net.UnixConn) {
	in := receiver{conn: c}
	for {
		line, files, err := in.line()
		if err != nil {
			if errors.Is(err, errMalformed) {
				_ = send(c, reply{Error: err.Error()}, nil)
			}
			return
		}
		r, answer := s.answer(line, files)
		err = send(c, answer, r.Send)
		closeAll(r.Send)
		if err != nil {
			return
		}
		if r.Take != nil {
			r.Take(c)
			return
		}
	}
}

func (s *Server) answer(line []byte, files []*os.File) (*Request, reply) {
	r := &Request{Files: files}
	defer func() { closeAll(r.Files) }()
	var q request
	if err := strict(line, &q); err != nil {
		return r, reply{Error: "control channel: this is no request: " + err.Error()}
	}
	s.mu.Lock()
	h := s.handlers[q.Do]
	s.mu.Unlock()
	if h == nil {
		return r, reply{Error: fmt.Sprintf("control channel: this jail cannot do %q: it may have been started by another version", q.Do)}
	}
	r.Args = q.Args
	value, err := h(r)
	if err == nil {
		var text []byte
		if text, err = json.Marshal(value); err == nil {
			return r, reply{Answer: text}
		}
	}
	closeAll(r.Send)
	r.Send, r.Take = nil, nil
	a := reply{Error: err.Error()}
	if advice, ok := errors.AsType[*hint.Error](err); ok {
		a.Hints = advice.Lines
	}
	return r, a
}
