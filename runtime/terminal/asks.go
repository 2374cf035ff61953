package terminal

import (
	"bytes"
	"slices"
)

// asking are control sequences that a terminal answers.
var asking = []string{"c", ">c", "=c", "n", "?n", "x", ">q", "?u", "$p", "?$p", "?S", "?m", "'|"}

// asks: a terminal answers the control sequence.
func (q sequence) asks() bool {
	return slices.Contains(asking, string(q.kind)) || string(q.kind) == "t" && q.number(0) < 22
}

// textAsks: a terminal answers the control string that is held, or notifies its
// user. Images are answered as well.
func (f *Filter) textAsks() bool {
	if f.held[1] != ']' {
		return true
	}
	code, rest, _ := bytes.Cut(f.held[2:], []byte{';'})
	switch string(code) {
	case "9", "52", "99", "777":
		return true
	}
	return bytes.Contains(rest, []byte{'?'})
}
