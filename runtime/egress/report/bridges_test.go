package report

import (
	"strings"
	"testing"
)

// TestBridges: each is one line, and nothing of the jail's speaks to a terminal.
func TestBridges(t *testing.T) {
	var out strings.Builder
	s := Summary{Bridges: []Bridge{{Name: "clipboard", Used: 4}, {Name: "open", Used: 1, Refused: 1, Why: "no"}, {Refused: 2, Why: "\x1b[2Jx"}}}
	s.Report(&out, true)
	want := "jailed-claude: bridges: clipboard: used 4 times\njailed-claude: bridges: open: used once; refused or failed once, the last: no\n" +
		"jailed-claude: bridges: malformed requests: refused or failed 2 times, the last: " + Plain("\x1b[2Jx") + "\n"
	if got := out.String(); got != want || strings.Contains(got, "\x1b") {
		t.Errorf("%q, want %q", got, want)
	}
}
