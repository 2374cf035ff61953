package suite

import (
	"bufio"
	"encoding/json"
	"io"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// line is what the attacker reports: that an attack begins, what it asks the host
// for, then its result.
type line struct {
	Attack string         `json:"attack"`
	Ask    string         `json:"ask,omitempty"`
	Result *attack.Result `json:"is,omitempty"`
}

// endOfReport is the last line's attack.
const endOfReport = "end"

// Read reads a report of Inside until the last attack, and returns the name of the
// one that was under way when the report ended. What an attack asks the host for is
// played by play.
func Read(r io.Reader, play func(what string)) (results map[string]attack.Result, last string, err error) {
	results = map[string]attack.Result{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, attack.Limit)
	for lines.Scan() {
		var l line
		if json.Unmarshal(lines.Bytes(), &l) != nil || l.Attack == "" {
			continue // of the wrapper
		}
		if l.Attack == endOfReport {
			return results, "", nil
		}
		last = l.Attack
		if l.Ask != "" {
			play(l.Ask)
		}
		if l.Result != nil {
			results[l.Attack] = *l.Result
		}
	}
	return results, last, lines.Err()
}
