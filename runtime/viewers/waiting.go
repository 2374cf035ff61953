package viewers

import (
	"cmp"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/jailed-claude/jailed-claude/runtime/announcement"
)

// quiet is how long a program that has called shows nothing before it waits.
const quiet = 2 * time.Second

// Waiting tells once that an agent waits: when it has called its user and shows
// nothing more. It tells again after something was typed, whatever the agent shows.
type Waiting struct {
	// State is noted elsewhere.
	State *announcement.State
	// Tell is called with what the agent says about it.
	Tell func(text string)

	mu     sync.Mutex
	text   string
	looks  bool
	told   bool
	toldAt int64
	// quiet is quiet; tests have less of it.
	quiet time.Duration
}

// Called notes output of the agent that calls its user.
func (w *Waiting) Called(output []byte) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.told && w.State.Typed.Nanoseconds() <= w.toldAt {
		return
	}
	w.told = false
	if text := said(output); text != "" || !w.looks {
		w.text = text
	}
	if !w.looks {
		w.looks = true
		w.later()
	}
}

func (w *Waiting) later() {
	wait := cmp.Or(w.quiet, quiet)
	time.AfterFunc(wait, func() { w.look(wait) })
}

// look tells it unless the user has typed since, or the agent still shows something.
func (w *Waiting) look(wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now, s := announcement.Now(), w.State
	switch {
	case s.Typed.Nanoseconds() >= s.Called.Nanoseconds():
		w.looks = false
	case now-s.Shown.Nanoseconds() < int64(wait):
		w.later()
	default:
		w.looks, w.told, w.toldAt = false, true, now
		w.Tell(w.text)
	}
}

// maxText is how many bytes of a program's words are shown.
const maxText = 200

// clean is a text of the jail's for one line: nothing that moves, hides or turns
// around what is shown with it.
func clean(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return r == ' ' || r == unicode.ReplacementChar || !unicode.IsPrint(r)
	}), " ")
	for i := range s {
		if i > maxText {
			return s[:i] + "…"
		}
	}
	return s
}

// said is what the sequences of a program that call its user say, if they say
// anything: OSC 9 and 777 have a text, 99 has one behind its parameters.
func said(output []byte) (text string) {
	for _, s := range strings.Split(string(output), "\x1b]")[1:] {
		s, _, _ = strings.Cut(s, "\x07")
		s, _, _ = strings.Cut(s, "\x1b\\")
		kind, rest, _ := strings.Cut(s, ";")
		switch kind {
		case "9":
			if !strings.HasPrefix(rest, "4") { // progress
				text = rest
			}
		case "777":
			if rest, ok := strings.CutPrefix(rest, "notify;"); ok {
				text = strings.ReplaceAll(rest, ";", ": ")
			}
		case "99":
			_, text, _ = strings.Cut(rest, ";")
		}
	}
	return clean(text)
}
