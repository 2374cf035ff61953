package egress

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/runtime/egress/tally"
)

// lines of a log, each of which has to be JSON.
func lines(t *testing.T, text string) []Event {
	t.Helper()
	var all []Event
	for line := range strings.Lines(text) {
		var e Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, e)
	}
	return all
}

// TestLogCounts: what comes again within a second is counted.
func TestLogCounts(t *testing.T) {
	var b bytes.Buffer
	j := newJournal(&b, tally.New("filtered"))
	for range 1000 {
		j.event(Event{Kind: KindTCP, Name: "evil.example", Port: 80, Verdict: Deny, Why: "no"})
		j.event(Event{Kind: KindDNS, Name: "good.example", Verdict: Allow})
	}
	j.event(Event{Kind: KindTCP, Name: "good.example", Port: 443, Verdict: Allow})
	j.event(Event{Kind: KindTCP, Name: "good.example", Port: 443, Verdict: Allow})
	s := j.close()
	counts := map[string]int{}
	for _, e := range lines(t, b.String()) {
		counts[fmt.Sprintf("%s %s %s %d", e.Kind, e.Name, e.Verdict, e.Count)]++
	}
	for _, want := range []string{"tcp evil.example deny 0", "tcp evil.example deny 999", "dns good.example allow 0", "dns good.example allow 999"} {
		if counts[want] != 1 {
			t.Errorf("%q: %d times in %v", want, counts[want], counts)
		}
	}
	if counts["tcp good.example allow 0"] != 2 || len(counts) != 5 {
		t.Error(counts)
	}
	if len(s.Denied) != 1 || s.Denied[0].Count != 1000 {
		t.Errorf("%+v", s)
	}
	j.event(Event{Kind: KindTCP, Verdict: Allow}) // after the end
	if n := len(lines(t, b.String())); n != 6 {
		t.Error(n)
	}
}

// TestLogFlood: different refusals are bounded by the second and in all, and
// leave room for what was allowed.
func TestLogFlood(t *testing.T) {
	var b bytes.Buffer
	j := newJournal(&b, tally.New("filtered"))
	j.max = 64 << 10
	n := 0
	flood := func() {
		for range 1000 {
			n++
			j.event(Event{Kind: KindDNS, Name: fmt.Sprintf("x%d.evil.example", n), Verdict: Deny, Why: "no"})
		}
	}
	flood()
	if n := len(lines(t, b.String())); n != maxRecent {
		t.Errorf("%d lines in a second", n)
	}
	for range 10 {
		j.mu.Lock()
		j.flush() // a second later
		j.mu.Unlock()
		flood()
	}
	if b.Len() < 40<<10 || b.Len() > 56<<10 {
		t.Errorf("%d bytes of refusals", b.Len())
	}
	j.event(Event{Kind: KindTCP, Name: "good.example", Verdict: Allow})
	all := lines(t, b.String())
	if e := all[len(all)-1]; e.Name != "good.example" {
		t.Errorf("the last line is %+v", e)
	}
	for range 10000 {
		j.event(Event{Kind: KindTCP, Name: "good.example", Verdict: Allow})
	}
	s := j.close()
	all = lines(t, b.String())
	if e := all[len(all)-1]; e.Kind != KindLog || !strings.Contains(e.Why, "full") || b.Len() > 65<<10 {
		t.Errorf("%d bytes, the last line is %+v", b.Len(), e)
	}
	if len(s.Denied) != tally.MaxDenied || s.More != n-tally.MaxDenied {
		t.Errorf("%d and %d of %d", len(s.Denied), s.More, n)
	}
}

// diskFull takes some bytes, and then none for a while.
type diskFull struct {
	bytes.Buffer
	room int
}

func (d *diskFull) Write(b []byte) (int, error) {
	if len(b) <= d.room {
		d.room -= len(b)
		return d.Buffer.Write(b)
	}
	n, _ := d.Buffer.Write(b[:d.room])
	d.room = 0
	return n, errors.New("no space left on device")
}

// TestLogFails: what cannot be written is left out, and the rest is still
// lines.
func TestLogFails(t *testing.T) {
	d := &diskFull{room: 250}
	j := newJournal(d, tally.New("filtered"))
	for i := range 10 {
		j.event(Event{Kind: KindTCP, Name: "good.example", Port: uint16(i), Verdict: Allow})
	}
	d.room = 1 << 20
	j.event(Event{Kind: KindTCP, Name: "last.example", Verdict: Allow})
	j.close()
	torn := 0
	var last Event
	for line := range strings.Lines(d.String()) {
		if json.Unmarshal([]byte(line), &last) != nil {
			torn++
		}
	}
	if torn != 1 || last.Name != "last.example" {
		t.Errorf("%d torn lines, %+v:\n%s", torn, last, d.String())
	}
	newJournal(nil, tally.New("filtered")).event(Event{Verdict: Allow}) // no log at all
}

// TestLogText: nothing in a line moves a cursor or ends the line.
func TestLogText(t *testing.T) {
	var b bytes.Buffer
	j := newJournal(&b, tally.New("filtered"))
	for _, s := range []string{"a\x1b[2Jb", "a\nb", "a\x7fb", "a\u009bb", "a\u202eb", "\xff\xfe", strings.Repeat("x", 1<<16), `quote"`} {
		j.event(Event{Kind: KindTCP, Name: s, Why: s, Rule: s, Address: s, Path: s, Method: s, Verdict: Deny})
	}
	s := j.close()
	for i, c := range b.Bytes() {
		if c != '\n' && c < ' ' || c > '~' && c != 0xe2 && c != 0x80 && c != 0xa6 {
			t.Errorf("byte %#x at %d", c, i)
		}
	}
	if n := len(lines(t, b.String())); n != 8 || b.Len() > 8*6*2*maxText {
		t.Errorf("%d lines, %d bytes", n, b.Len())
	}
	for _, d := range s.Denied {
		if strings.ContainsAny(d.Host+d.Why, "\x1b\n\x7f\u009b\u202e") {
			t.Errorf("%+q", d.Host)
		}
	}
}

// TestLogFlushes: the counts are written without a further event.
func TestLogFlushes(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		_, _ = w.lookup("evil.example")
	}
	for range 500 {
		for _, e := range w.events(Deny) {
			if e.Count > 0 {
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("no count")
}
