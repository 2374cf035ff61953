package viewers

import (
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/runtime/announcement"
)

// TestClean: a jail's words are one line, of bounded length, in the order in which
// they are read.
func TestClean(t *testing.T) {
	for s, want := range map[string]string{
		"": "", "plain": "plain", " a \x1b[31mred\x00 ": "a [31mred", "one\r\ntwo\tthree": "one two three", "\n\na": "a",
		"a\u202eb\u2066c\u200bd": "a b c d", "bad \xff\xfe byte": "bad byte", "héllo ☃": "héllo ☃",
		strings.Repeat("é", maxText/2): strings.Repeat("é", maxText/2), strings.Repeat("é", maxText/2+2): strings.Repeat("é", maxText/2+1) + "…",
	} {
		if got := clean(s); got != want {
			t.Errorf("%q became %q, not %q", s, got, want)
		}
	}
}

// TestSaid: what a program says when it calls is what its sequence has for people.
func TestSaid(t *testing.T) {
	for output, want := range map[string]string{
		"": "", "\a": "", "text\x1b]0;a title\a": "", "\x1b]9;4;1;50\x1b\\": "",
		"\x1b]9;done\a": "done", "x\x1b]9;done\x1b\\y": "done", "\x1b]777;notify;Claude;needs you\a": "Claude: needs you",
		"\x1b]99;i=1:d=0;hello\x1b\\": "hello", "\x1b]777;precmd\a": "", "\x1b]9;a\x07\x1b]0;title\a": "a", "\x1b]9;": "", "\x1b]99": "",
		"\x1b]9;a\x1b[2J\nb\a": "a [2J b",
	} {
		if got := said([]byte(output)); got != want {
			t.Errorf("%q says %q, not %q", output, got, want)
		}
	}
}

// waiting is one whose agent is quiet soon.
func waiting() (w *Waiting, tells chan string) {
	tells = make(chan string, 100)
	return &Waiting{State: new(announcement.State), Tell: func(text string) { tells <- text }, quiet: 20 * time.Millisecond}, tells
}

func (w *Waiting) calls(output string) {
	w.State.Shown.Now()
	w.State.Called.Now()
	w.Called([]byte(output))
}

// idle waits until it is not looked any more.
func (w *Waiting) idle() {
	for looks := true; looks; time.Sleep(time.Millisecond) {
		w.mu.Lock()
		looks = w.looks
		w.mu.Unlock()
	}
}

// TestWaiting: it is told once that the agent waits, however often it calls, and again
// when something was typed.
func TestWaiting(t *testing.T) {
	w, tells := waiting()
	for range 20 {
		w.calls("\x1b]9;look\a")
		w.calls("\a")
	}
	if text := <-tells; text != "look" {
		t.Errorf("%q", text)
	}
	for range 20 {
		w.calls("\x1b]9;look again\a")
	}
	w.idle()
	if len(tells) > 0 {
		t.Errorf("told again that it waits: %q", <-tells)
	}
	w.State.Typed.Now()
	w.calls("\a")
	if text := <-tells; text != "" {
		t.Errorf("%q", text)
	}
	// The user was there.
	w.State.Typed.Now()
	w.calls("\a")
	w.State.Typed.Now()
	w.idle()
	if len(tells) > 0 {
		t.Error("told although it was answered")
	}
	var none *Waiting
	none.Called([]byte("\a"))
}

// TestStillWorks: what goes on after it has called does not wait yet.
func TestStillWorks(t *testing.T) {
	w, tells := waiting()
	w.quiet = 200 * time.Millisecond
	w.calls("\a")
	for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		w.State.Shown.Now()
		if len(tells) > 0 && announcement.Now()-w.State.Shown.Nanoseconds() < int64(100*time.Millisecond) {
			t.Fatal("told while it showed something")
		}
	}
	<-tells
}
