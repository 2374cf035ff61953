package bridge

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Options of a Server.
type Options struct {
	// Config says what the jail may ask for.
	Config *network.Bridges
	// Rules are those of the jail's network, as they are now.
	Rules func() *network.Rules
	// Ask asks the user. It is nil where there is nobody to ask.
	Ask func(ctx context.Context, q Page) (yes bool, err error)
	// Host has the host do it.
	Host func(ctx context.Context, r Request) (Answer, error)
	// MayPublish reports whether a port may be published. It may be nil.
	MayPublish func(port uint16) bool
	// Publish lets a port of the host's loopback lead to the jail's, for AnswerTime.
	// It may be nil.
	Publish func(port uint16) error
	// Log is told of each request, from any goroutine.
	Log func(Event)
	// Jail names the jail, for what is said of it.
	Jail string
	// Inside tells whether a process is one of a jail's. Nil means what /proc says.
	Inside func(pid int) bool
}

// Event is one request, and what became of it.
type Event struct {
	// Bridge is its name; empty where the request was none.
	Bridge string
	// Name is the host of a page, or the type of an image; Path is that of the page.
	Name, Path string
	// OK: it was done. Refused: the configuration or the user did not let it be
	// done; neither: the host did not do it.
	OK, Refused bool
	// Why says why not.
	Why string
	// Received are the bytes of an image.
	Received int
}

// Limits. A person pastes and reads; a program has no use of more.
const (
	maxConns = 8
	maxNo    = 3 // answers that are no, before nobody is asked again
	readTime = 5 * time.Second
	hostTime = 20 * time.Second
	// AskTime is how long a question waits for its answer.
	AskTime = time.Minute
	// AnswerTime is how long a page may take to answer.
	AnswerTime = 10 * time.Minute
)

// perMinute is how often each bridge is used.
var perMinute = map[string]int{network.BridgeOpen: 6, network.BridgeClipboard: 30, network.BridgeNotify: 12}

// Server serves the socket of one jail.
type Server struct {
	Options
	now   func() time.Time
	conns chan struct{}

	mu     sync.Mutex
	used   map[string][]time.Time
	asking bool
	no     int
}

// New makes a server.
func New(o Options) *Server {
	s := &Server{Options: o, now: time.Now, conns: make(chan struct{}, maxConns), used: map[string][]time.Time{}}
	if s.Inside == nil {
		s.Inside = inside
	}
	return s
}

// Serve serves what l accepts until l is closed, and returns when all that it
// does has ended, which ctx ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) {
	if s.Config.Display != "" { // what goes by its socket passes nobody
		s.Log(Event{Bridge: network.BridgeDisplay, Name: s.Config.Display, OK: true})
	}
	var running sync.WaitGroup
	defer running.Wait()
	for {
		c, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // no descriptor left, or a client that is gone
			select {
			case <-time.After(50 * time.Millisecond):
				continue
			case <-ctx.Done():
				return
			}
		}
		select {
		case s.conns <- struct{}{}:
			running.Go(func() {
				defer func() { <-s.conns }()
				defer c.Close()
				stop := context.AfterFunc(ctx, func() { _ = c.Close() })
				defer stop()
				s.serve(ctx, c)
			})
		default:
			_ = c.Close()
			s.Log(Event{Refused: true, Why: "too many requests at once"})
		}
	}
}

func (s *Server) serve(ctx context.Context, c net.Conn) {
	_ = c.SetReadDeadline(s.now().Add(readTime))
	var a Answer
	r, err := s.request(c)
	if err == nil {
		a, err = s.do(ctx, r)
	} else {
		s.Log(Event{Refused: true, Why: err.Error()})
	}
	if err != nil {
		a = Answer{Error: err.Error()}
	}
	_ = c.SetWriteDeadline(s.now().Add(hostTime))
	_ = a.Write(c)
}

// request reads the only one of a connection.
func (s *Server) request(c net.Conn) (Request, error) {
	if err := s.peer(c); err != nil {
		return Request{}, err
	}
	return ReadRequest(bufio.NewReaderSize(c, MaxRequest))
}

// peer refuses everybody but programs of a jail that are the user's. There is no
// other way to the socket; this is the second wall, for one that somebody passed
// on.
func (s *Server) peer(c net.Conn) error {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return errors.New("this is no socket of a jail's")
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return err
	}
	var cred *unix.Ucred
	failed := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err = errors.Join(failed, err); err != nil {
		return fmt.Errorf("SO_PEERCRED: %w", err)
	}
	if int(cred.Uid) != os.Geteuid() || !s.Inside(int(cred.Pid)) {
		return errors.New("this is for programs of the jail")
	}
	return nil
}

// inside reports whether a process is in a PID namespace below that of /proc, as
// all that runs in a jail is: NSpid, since Linux 4.1, has a number for each.
func inside(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, pids, found := strings.Cut(string(status), "\nNSpid:")
	pids, _, _ = strings.Cut(pids, "\n")
	return err == nil && found && len(strings.Fields(pids)) > 1
}

// Notify shows a notification about the jail, as one that the jail asks for: no more
// of them, and none where it may show none.
func (s *Server) Notify(ctx context.Context, title string, body ...string) {
	if !s.Config.Notify {
		return
	}
	body = slices.DeleteFunc(append(body, s.Jail), func(part string) bool { return part == "" })
	r := Request{Bridge: network.BridgeNotify, Title: short(title, maxTitle), Body: short(strings.Join(body, " · "), maxBody)}
	if err := r.check(); err != nil {
		s.Log(Event{Bridge: r.Bridge, Why: err.Error()})
		return
	}
	_, _ = s.do(ctx, r) // it is logged
}

// short is the beginning of a text that is too long.
func short(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most-len("…")], "") + "…"
}

// do does what is asked for, if it may be done, and logs it.
func (s *Server) do(ctx context.Context, r Request) (Answer, error) {
	e := Event{Bridge: r.Bridge, Name: r.Type}
	page, _ := ParsePage(r.URL)
	e.Name += page.Host
	e.Path = path(r.URL)
	a, refused, err := s.try(ctx, r, page)
	e.OK, e.Refused, e.Received = err == nil, refused, len(a.Data)
	if err != nil {
		e.Why = err.Error()
	}
	s.Log(e)
	return a, err
}

// path is that of a page: what follows it may be a secret.
func path(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	_, rest, found := strings.Cut(rest, "/")
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		rest = rest[:i]
	}
	if !found {
		return ""
	}
	return "/" + rest
}

func (s *Server) try(ctx context.Context, r Request, page Page) (a Answer, refused bool, err error) {
	if err := s.allowed(r); err != nil {
		return a, true, err
	}
	if r.Bridge == network.BridgeOpen {
		if err := s.confirm(ctx, page); err != nil {
			return a, true, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, hostTime)
	defer cancel()
	if a, err = s.Host(ctx, r); err == nil && a.Error != "" {
		err = fmt.Errorf("on the host: %s", a.Error)
	}
	if err == nil && r.Type != "" && !isImage(a.Data) {
		err = errors.New("what is on the clipboard is no image")
	}
	if err != nil {
		return Answer{}, false, err
	}
	return a, false, nil
}

// allowed: the configuration has the bridge, and it was not used too often.
func (s *Server) allowed(r Request) error {
	if r.Bridge == network.BridgeIDE || r.Bridge == network.BridgeDisplay {
		return errors.New("this is not to be asked for here")
	}
	on := map[string]bool{network.BridgeOpen: s.Config.Open != "", network.BridgeClipboard: s.Config.Clipboard != "", network.BridgeNotify: s.Config.Notify}
	if !on[r.Bridge] {
		return fmt.Errorf("the bridge is off: bridges.%s", r.Bridge)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now, recent := s.now(), s.used[r.Bridge]
	for len(recent) > 0 && now.Sub(recent[0]) >= time.Minute {
		recent = recent[1:]
	}
	if len(recent) >= perMinute[r.Bridge] {
		s.used[r.Bridge] = recent
		return fmt.Errorf("too often: %d times a minute at most", perMinute[r.Bridge])
	}
	s.used[r.Bridge] = append(recent, now)
	return nil
}

// confirm asks the user about a page, unless the jail may connect there itself
// and the configuration says that this is enough.
func (s *Server) confirm(ctx context.Context, page Page) error {
	rules := s.Rules()
	if v := rules.Denied(page.Host, page.Port); !v.OK {
		return fmt.Errorf("%s is denied by name", page.Host)
	}
	if s.Config.Open == network.BridgeAlways && page.Answer == 0 && rules.Connect(page.Host, page.Port).OK {
		return nil
	}
	if page.Answer != 0 && s.MayPublish != nil && !s.MayPublish(page.Answer) {
		// To open it all the same would send the answer to whatever listens there.
		return fmt.Errorf("the page answers at port %d, and the policy of this machine (network.ports) leaves none to publish but its own", page.Answer)
	}
	if s.Ask == nil {
		return errors.New("nobody can be asked: the jail has no terminal")
	}
	if err := s.turn(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, AskTime)
	defer cancel()
	yes, err := s.Ask(ctx, page)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asking = false
	switch {
	case err != nil:
		return err
	case !yes:
		s.no++
		return errors.New("the user did not say yes")
	}
	s.no = 0
	if page.Answer != 0 && s.Publish != nil {
		return s.Publish(page.Answer)
	}
	return nil
}

// turn: one question at a time, and none to a user who keeps on saying no.
func (s *Server) turn() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.asking:
		return errors.New("the user is asked about another page")
	case s.no >= maxNo:
		return fmt.Errorf("the user has said no %d times, and is not asked any more", maxNo)
	}
	s.asking = true
	return nil
}
