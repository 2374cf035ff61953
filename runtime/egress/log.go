package egress

import (
	"encoding/json"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jailed-claude/jailed-claude/runtime/egress/event"
	"github.com/jailed-claude/jailed-claude/runtime/egress/report"
	"github.com/jailed-claude/jailed-claude/runtime/egress/tally"
)

// Event is one decision, a line of the session's log.
type Event = event.Event

// Kinds and verdicts of events, for short.
const (
	KindDNS    = event.KindDNS
	KindTCP    = event.KindTCP
	KindBroker = event.KindBroker
	KindPort   = event.KindPort
	KindSSH    = event.KindSSH
	KindBridge = event.KindBridge
	KindRule   = event.KindRule
	KindLog    = event.KindLog
	Allow      = event.Allow
	Deny       = event.Deny
	Fail       = event.Fail
)

const (
	// maxLog is how much one session writes. Refusals get three quarters of
	// it, so that a program cannot hide what it was allowed behind what it was
	// not.
	maxLog = 16 << 20
	// maxRecent different events of a second are told apart.
	maxRecent = 256
	// maxText is the longest text of an event, in bytes.
	maxText = 300
)

// journal writes events. What it cannot write, it forgets: a full disk stops
// no connection.
type journal struct {
	mu      sync.Mutex
	w       io.Writer
	now     func() time.Time
	max     int64 // maxLog
	written int64
	torn    bool // the last line is not complete
	full    bool
	closed  bool
	// refusedFull: refusals have used up theirs.
	refusedFull bool
	// recent events by what they have in common, and how many more there were.
	recent     map[Event]int
	suppressed int
	timer      *time.Timer
	summary    *tally.Tally
	// refused is how many destinations were; nil for nobody.
	refused *atomic.Int64
	// told is what the jail itself may read of it; nil for nobody.
	told  io.Writer
	tells int
}

func newJournal(w io.Writer, sum *tally.Tally) *journal {
	return &journal{w: w, now: func() time.Time { return time.Now().UTC() }, max: maxLog, recent: map[Event]int{}, summary: sum}
}

// event logs e. Events that come in numbers, refusals and queries, are written
// once a second with a count.
func (j *journal) event(e Event) {
	for _, s := range []*string{&e.Name, &e.Address, &e.Rule, &e.Why, &e.Method, &e.Path, &e.Key} {
		*s = printable(*s)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return
	}
	now := j.now()
	if e.Time.IsZero() {
		e.Time = now
	}
	e.Time = e.Time.UTC().Truncate(time.Millisecond)
	if d := j.summary.Add(e); d != nil {
		j.tell(now, report.Told(d))
	}
	if j.refused != nil {
		j.refused.Store(int64(j.summary.Refused()))
	}
	if e.Verdict == Allow && e.Kind != KindDNS {
		j.write(e)
		return
	}
	key := e
	key.Time, key.Duration = time.Time{}, 0
	if n, ok := j.recent[key]; ok {
		j.recent[key] = n + 1
		return
	}
	if len(j.recent) >= maxRecent {
		j.suppressed++
		return
	}
	j.recent[key] = 0
	if j.timer == nil {
		j.timer = time.AfterFunc(time.Second, func() {
			j.mu.Lock()
			defer j.mu.Unlock()
			j.flush()
		})
	}
	j.write(e)
}

// maxTold lines are for the jail.
const maxTold = 200

// tell writes a line for the jail.
func (j *journal) tell(now time.Time, line string) {
	if j.tells++; j.told == nil || j.tells > maxTold {
		return
	}
	_, _ = io.WriteString(j.told, now.UTC().Format(time.RFC3339)+" "+line+"\n") // it stops no connection
}

// say is tell for those who do not hold the journal.
func (j *journal) say(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.closed {
		j.tell(j.now(), line)
	}
}

// flush writes what was counted.
func (j *journal) flush() {
	now := j.now().UTC().Truncate(time.Millisecond)
	for e, n := range j.recent {
		if n > 0 {
			e.Time, e.Count = now, n
			j.write(e)
		}
	}
	clear(j.recent)
	if n := j.suppressed; n > 0 {
		j.suppressed = 0
		j.write(Event{Time: now, Kind: KindLog, Why: "too many different refusals and queries within a second: these are not listed", Count: n})
	}
	j.timer = nil
}

func (j *journal) write(e Event) {
	if j.full || j.w == nil {
		return
	}
	if refused := e.Verdict != Allow && e.Kind != KindLog; refused && j.written >= j.max/4*3 {
		if !j.refusedFull {
			j.refusedFull = true
			j.line(Event{Time: e.Time, Kind: KindLog, Why: "there were too many refusals: none is listed from here on"})
		}
		return
	}
	if j.written >= j.max {
		j.full = true
		e = Event{Time: e.Time, Kind: KindLog, Why: "the log of this session is full: nothing is listed from here on"}
	}
	j.line(e)
}

func (j *journal) line(e Event) {
	b, err := json.Marshal(e)
	if err != nil {
		return // an Event can be marshalled
	}
	if j.torn {
		b = append([]byte("\n"), b...)
	}
	n, err := j.w.Write(append(b, '\n'))
	j.written += int64(n)
	j.torn = err != nil && (n > 0 || j.torn)
}

// close writes what is left and returns what was refused.
func (j *journal) close() *report.Summary {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.timer != nil {
		j.timer.Stop()
	}
	j.flush()
	j.closed = true
	return j.summary.Result()
}

// refusedBy counts what a proxy did not do, if err is one. It returns err.
func (j *journal) refusedBy(proxy string, err error) error {
	if err != nil {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.summary.Unconnected(proxy, printable(err.Error()))
	}
	return err
}

// printable is s without control characters, of a bounded length. encoding/json
// leaves DEL and those of C1 as they are, and a terminal may obey them.
func printable(s string) string {
	if len(s) > maxText {
		s = s[:maxText] + "..." // what is not ASCII would have all of it quoted
	}
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			q := strconv.QuoteToASCII(s)
			return q[1 : len(q)-1]
		}
	}
	return s
}
