package terminal

import (
	"slices"
	"strings"
)

// maxEscape is the longest escape sequence: character sets have two
// intermediates at most.
const maxEscape = 4

// escapeAllowed: the escape sequence (ESC, intermediates, final byte) passes.
//
// Not here, because a terminal would type, switch to eight-bit controls, leave
// UTF-8, or stop to understand what it gets: S8C1T (ESC SP G), other coding
// systems (ESC %), and all that nobody has a name for.
func escapeAllowed(s []byte) bool {
	if len(s) > maxEscape {
		return false
	}
	final := s[len(s)-1]
	if len(s) == 2 {
		return strings.IndexByte("6789=>cDEHMNOZno|}~\\", final) >= 0
	}
	switch s[1] {
	case '(', ')', '*', '+', '-', '.', '/': // which character set
		return true
	case '#': // large characters, and a screen of E
		return strings.IndexByte("34568", final) >= 0
	case '%':
		return len(s) == 3 && final == 'G' // UTF-8
	case ' ':
		return len(s) == 3 && final == 'F' // seven-bit controls
	}
	return false
}

// sequence is a control sequence (CSI) taken apart.
type sequence struct {
	// kind is the prefix (one of < = > ?), the intermediates and the final
	// byte; the first and second are rare.
	kind   []byte
	params []byte
}

// parse takes a complete control sequence apart, ESC [ included. ok is false if
// it is malformed: terminals differ in what they make of that. room is for the
// kind, if it does not lie in s as it is.
func parse(s, room []byte) (q sequence, ok bool) {
	s = s[2:]
	prefix := 0
	if s[0] >= '<' && s[0] <= '?' {
		prefix = 1
	}
	n := prefix
	for s[n] >= '0' && s[n] <= ';' {
		n++
	}
	q.params, q.kind = s[prefix:n], s[n:]
	for _, b := range q.kind[:len(q.kind)-1] {
		if b >= '0' {
			return q, false
		}
	}
	if prefix > 0 {
		q.kind = append(append(room, s[0]), q.kind...)
	}
	return q, true
}

// numbers are the parameters. One that is missing is 0, one that is larger than
// any has a meaning maxNumber; sub-parameters are left out.
func (q sequence) numbers(yield func(i, n int) bool) {
	i, n, sub := 0, 0, false
	for _, b := range q.params {
		switch {
		case b == ';':
			if !yield(i, n) {
				return
			}
			i, n, sub = i+1, 0, false
		case b == ':':
			sub = true
		case !sub:
			n = min(10*n+int(b-'0'), maxNumber)
		}
	}
	yield(i, n)
}

// maxNumber is larger than all numbers that mean something.
const maxNumber = 1 << 24

// number is the parameter at a place, or 0.
func (q sequence) number(at int) int {
	for i, n := range q.numbers {
		if i == at {
			return n
		}
	}
	return 0
}

// shown are the final bytes of control sequences without a prefix or
// intermediates that pass: they move the cursor, write, erase, scroll, colour,
// switch modes, or ask where the cursor is and what terminal this is.
var shown = finals("@ABCDEFGHIJKLMPSTWXZ`abcdefghlmnqrstux")

// transient are those of shown that pass whatever the parameters are, and that
// leave nothing on.
var transient = finals("@ABCDEFGHIJKLMPSTWXZ`abcdefgnqsux")

func finals(s string) (set [128]bool) {
	for _, b := range s {
		set[b] = true
	}
	return set
}

// special tells which with a prefix or intermediates pass. Terminals answer
// some of them, with numbers and their own name: no text of the program's.
//
// Not here: media copy (i), checksums of the screen, by which it is read
// (DECRQCRA, * y), macros (DECINVM, * z), reports of presentation and terminal
// state ($ w, $ u), modes of titles (> t), conformance levels (" p), and the
// sizes of the page ($ | and * |).
func special(kind string) bool {
	switch kind {
	case "?h", "?l", "?r", "?s", "?$p", "$p": // modes: set, reset, restore, save, ask
	case "?J", "?K", "?W": // erase, tabs
	case "?n", "?c", ">c", "=c", ">q", "?S": // status, and what terminal
	case "?u", ">u", "<u", "=u": // kitty's keyboard protocol
	case ">m", "?m", ">n": // xterm's keys
	case " q", " @", " A", "!p", "\"q": // cursor style, scroll sideways, soft reset, protection
	case "$r", "$t", "$v", "$x", "$z", "${", "*x": // rectangles
	case "'}", "'~": // columns
	case "'w", "'z", "'{", "'|": // locator
	case "#{", "#}", "#p", "#q", "#P", "#Q": // stacks of colours
	default:
		return false
	}
	return true
}

// refused tells whether with that mode a terminal would change its size, lock
// its keyboard, write a log, or read what follows in another way than this
// filter.
func refused(kind string, mode int) bool {
	switch kind {
	case "h":
		return mode == 2 // KAM
	case "?h":
		return mode == 3 || mode == 38 || mode == 40 || mode == 46 // DECCOLM, DECTEK, its permission, logging
	case "?l":
		return mode == 2 || mode == 3 // DECANM: VT52; DECCOLM
	}
	return false
}

// asked are the window operations (t) that pass: reports of sizes and places,
// which are numbers, and the stack of titles. Not 20 and 21, which type the
// title.
var asked = []int{11, 13, 14, 15, 16, 18, 19, 22, 23}

// maxMode is the largest number of a mode, and then some: what is larger might
// be cut to another one.
const maxMode = 1<<16 - 1

// allowed: the control sequence passes.
func (q sequence) allowed() bool {
	if len(q.kind) == 1 {
		if c := q.kind[0]; c != 't' && c != 'h' && c != 'l' {
			return shown[c]
		}
	} else if !special(string(q.kind)) {
		return false
	}
	switch string(q.kind) {
	case "t":
		for i, n := range q.numbers {
			// What comes second says which title, or of what the size.
			if i == 0 && !slices.Contains(asked, n) || i > 0 && n > 10 {
				return false
			}
		}
	case "h", "l", "?h", "?l":
		for _, n := range q.numbers {
			if n > maxMode || refused(string(q.kind), n) {
				return false
			}
		}
	}
	return true
}
