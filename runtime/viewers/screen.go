package viewers

import (
	"bufio"
	"net"
	"os"
	"slices"
	"sync"

	"github.com/jailed-claude/jailed-claude/runtime/control"
	"github.com/jailed-claude/jailed-claude/runtime/pty"
	"github.com/jailed-claude/jailed-claude/runtime/session"
	"github.com/jailed-claude/jailed-claude/runtime/terminal"
)

// Screen is the terminal of a jail.
type Screen struct {
	// Master is that of the jail's terminal, and Options are what passes.
	Master  *os.File
	Options terminal.Options
	// Resume lets a stopped agent go on.
	Resume func()
	// Activity is noted, and how many viewers there are.
	Activity

	filter *terminal.Filter
	mu     sync.Mutex
	tail   tail
	all    []*viewer // the writer is the last one that may write
	width  uint16
	height uint16
	paused bool
}

// Start begins to show. The size is the one until a viewer has another.
func (s *Screen) Start(width, height uint16) error {
	s.filter = terminal.NewFilter(sink{s}, s.Options)
	s.width, s.height = width, height
	return pty.Resize(s.Master, width, height)
}

// Write takes what the program writes.
func (s *Screen) Write(p []byte) (int, error) { return s.filter.Write(p) }

// sink takes what has passed the filter.
type sink struct{ *Screen }

func (s sink) Write(p []byte) (int, error) {
	s.show(p)
	s.mu.Lock()
	s.tail.add(p)
	full := s.put(session.Output, p)
	s.mu.Unlock()
	for _, v := range full {
		v.relieve()
	}
	return len(p), nil
}

// put gives something to all viewers, and returns those that are full.
func (s *Screen) put(k session.Kind, payload []byte) (full []*viewer) {
	for _, v := range s.all {
		if v.put(k, payload) {
			full = append(full, v)
		}
	}
	return full
}

// Attach answers session.AskAttach.
func (s *Screen) Attach(r *control.Request) (any, error) {
	var a session.AttachArgs
	if err := r.Decode(&a); err != nil {
		return nil, err
	}
	r.Take = func(c *net.UnixConn) { s.serve(c, a) }
	return session.AttachAnswer{Clipboard: s.Options.Clipboard}, nil
}

// Logs answers session.AskLogs: what was shown last.
func (s *Screen) Logs(r *control.Request) (any, error) {
	s.mu.Lock()
	text := s.tail.again(s.filter.Modes(), s.Options)
	s.mu.Unlock()
	r.Take = func(c *net.UnixConn) { _, _ = c.Write(text) }
	return nil, nil //nolint:nilnil // the text follows
}

func (s *Screen) serve(c *net.UnixConn, a session.AttachArgs) {
	v := s.enter(c, a)
	defer s.leave(v)
	in := bufio.NewReader(c)
	for {
		k, payload, err := session.ReadFrame(in)
		if err != nil || k == session.Detach {
			return
		}
		if k == session.Resize {
			if width, height, ok := session.ParseSize(payload); ok {
				s.resized(v, width, height)
			}
			continue
		}
		if !s.writes(v) {
			continue
		}
		switch k {
		case session.Input:
			s.answer()
			if _, err := s.Master.Write(payload); err != nil {
				return
			}
		case session.Continue:
			s.resume()
		}
	}
}

// enter gives a viewer what was shown last.
func (s *Screen) enter(c *net.UnixConn, a session.AttachArgs) *viewer {
	v := newViewer(c, a.ReadOnly)
	s.mu.Lock()
	if again := s.tail.again(s.filter.Modes(), s.Options); len(again) > 0 {
		v.put(session.Output, again)
	}
	s.all = append(s.all, v)
	s.Viewers.Store(int64(len(s.all)))
	paused := s.paused && !a.ReadOnly
	if s.tail.cut && a.Height > 1 {
		// Not all of the screen may be there: the program draws it again when the
		// size changes.
		v.width, v.height = a.Width, a.Height-1
		s.fit()
	}
	v.width, v.height = a.Width, a.Height
	s.fit()
	s.mu.Unlock()
	if paused {
		s.resume()
	}
	return v
}

func (s *Screen) leave(v *viewer) {
	s.mu.Lock()
	wrote := s.writer() == v
	s.all = slices.DeleteFunc(s.all, func(other *viewer) bool { return other == v })
	s.Viewers.Store(int64(len(s.all)))
	s.fit()
	paused := s.paused && wrote && s.writer() != nil
	s.mu.Unlock()
	if paused {
		s.resume() // who writes now does not know of it
	}
	v.finish()
}

// writer is the last viewer that may write, or nil.
func (s *Screen) writer() *viewer {
	for _, v := range slices.Backward(s.all) {
		if !v.readOnly {
			return v
		}
	}
	return nil
}

func (s *Screen) writes(v *viewer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writer() == v
}

func (s *Screen) resized(v *viewer, width, height uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v.width, v.height = width, height
	s.fit()
}

// fit gives the terminal the size of the writer's, where that has one.
func (s *Screen) fit() {
	w := s.writer()
	if w == nil || w.width == 0 || w.height == 0 || s.width == w.width && s.height == w.height {
		return
	}
	s.width, s.height = w.width, w.height
	_ = pty.Resize(s.Master, s.width, s.height) // it may have ended
}

// Pause says that the agent has stopped. It goes on when the writer does; without
// one nobody could bring it back, and Pause returns false.
func (s *Screen) Pause() bool {
	s.mu.Lock()
	w := s.writer()
	s.paused = w != nil
	s.mu.Unlock()
	if w != nil {
		w.put(session.Paused, nil)
	}
	return w != nil
}

func (s *Screen) resume() {
	s.mu.Lock()
	s.paused = false
	s.mu.Unlock()
	s.Resume()
}

// End tells all viewers how it ended, and lets them go.
func (s *Screen) End(status int, report []byte) {
	s.mu.Lock()
	all := s.all
	s.all = nil
	s.Viewers.Store(0)
	s.mu.Unlock()
	var group sync.WaitGroup
	for _, v := range all {
		if len(report) > 0 {
			v.put(session.Report, report)
		}
		v.put(session.Ended, []byte{byte(status)})
		group.Go(v.finish)
	}
	group.Wait()
}
