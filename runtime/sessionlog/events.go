package sessionlog

import (
	"bufio"
	"encoding/json"
	"time"

	"github.com/jailed-claude/jailed-claude/internal/regular"
	"github.com/jailed-claude/jailed-claude/runtime/egress"
)

// Each calls see for each decision of a session, in the order of the log. Lines
// that were cut by a full disk are passed over.
func (l Session) Each(see func(at time.Time, allowed bool, what, why string)) error {
	f, err := regular.Open(l.file)
	if err != nil {
		return err
	}
	defer f.Close()
	const longest = 1 << 20
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, longest)
	for lines.Scan() {
		var e egress.Event
		if json.Unmarshal(lines.Bytes(), &e) != nil || e.Verdict == "" {
			continue
		}
		why := e.Why
		if why == "" {
			why = e.Rule
		}
		see(e.Time, e.Verdict == egress.Allow, e.Kind+" "+target(e), why)
	}
	return lines.Err()
}
