package viewers

import (
	"bytes"
	"time"

	"github.com/jailed-claude/jailed-claude/runtime/session"
)

// busy is how long after its last output a program counts as working: what works
// shows that it does, several times a second.
const busy = 2 * time.Second

// calls: a program calls for its user, by the bell or by a notification.
func calls(p []byte) bool {
	for rest := p; ; {
		i := bytes.IndexByte(rest, 0x07)
		if i < 0 {
			break
		}
		// A title ends in the same byte, and calls nobody.
		if begin := bytes.LastIndex(rest[:i], []byte("\x1b]")); begin < 0 || notifies(rest[begin+2:i]) {
			return true
		}
		rest = rest[i+1:]
	}
	for _, text := range bytes.Split(p, []byte("\x1b]"))[1:] {
		if notifies(text) {
			return true
		}
	}
	return false
}

func notifies(text []byte) bool {
	for _, n := range []string{"9;", "99;", "777;"} {
		if bytes.HasPrefix(text, []byte(n)) && !bytes.HasPrefix(text, []byte("9;4")) {
			return true
		}
	}
	return false
}

// State is what the program seems to do.
func (s *Screen) State() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case time.Since(s.shown) < busy && s.shown.After(s.typed):
		return session.Working
	case s.called.After(s.typed):
		return session.Waits
	}
	return session.Idle
}

// Viewers is how many look.
func (s *Screen) Viewers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}
