package terminal

import (
	"bytes"
	"fmt"
)

// modes is what a program has switched on in a terminal and would have to
// switch off again. The zero value is a terminal as a shell leaves it.
type modes struct {
	// set are those of switchables that are not as a shell leaves them.
	set [len(switchables)]bool
	// alternate: the program is on the alternate screen.
	alternate bool
	// keyboard counts kitty's keyboard modes on the main and on the alternate
	// screen: how many were pushed.
	keyboard [2]int
	// flags: kitty's keyboard mode was set without pushing, for each screen.
	flags [2]bool
	// titles counts titles that were pushed.
	titles int
	// colours are the numbers of commands that would bring colours back.
	colours [len(colourCommands)]bool

	// keys: xterm reports modified keys in another way, of the fourth kind
	// (other keys, which other terminals know too) and of any other.
	keys [2]bool

	keypad, console, margins, graphics, charset, shifted, cursor, link, progress, status bool
}

// switchable is a mode that is switched back, with what is found in a shell.
type switchable struct {
	prefix string
	number int
	on     bool
}

// switchables are in the order in which they are switched back. Synchronized
// output comes first: what follows is to be shown.
var switchables = [...]switchable{
	{"?", 2026, false}, // synchronized output
	// The mouse, and how it is reported.
	{"?", 9, false},
	{"?", 1000, false},
	{"?", 1001, false},
	{"?", 1002, false},
	{"?", 1003, false},
	{"?", 1005, false},
	{"?", 1006, false},
	{"?", 1015, false},
	{"?", 1016, false},
	// What else a terminal would type: focus, pastes in brackets, themes,
	// sizes, every key.
	{"?", 1004, false},
	{"?", 2004, false},
	{"?", 2031, false},
	{"?", 2048, false},
	{"?", 9001, false},
	// Cursor keys, keypad, reverse colours, origin, margins, wrapping, cursor.
	{"?", 1, false},
	{"?", 66, false},
	{"?", 5, false},
	{"?", 6, false},
	{"?", 69, false},
	{"?", 7, true},
	{"?", 25, true},
	// What the backspace key sends, repeating, function keys of other makes.
	{"?", 67, false},
	{"?", 8, true},
	{"?", 1050, false},
	{"?", 1051, false},
	{"?", 1052, false},
	{"?", 1053, false},
	{"?", 1060, false},
	{"?", 1061, false},
	// Inserting, no echo, and line feeds that return.
	{"", 4, false},
	{"", 12, true},
	{"", 20, false},
}

// colourCommands are the commands that set colours, and those that bring them
// back.
var colourCommands = [...]struct{ set, reset string }{
	{"4", "104"},
	{"5", "105"},
	{"10", "110"},
	{"11", "111"},
	{"12", "112"},
	{"13", "113"},
	{"14", "114"},
	{"15", "115"},
	{"16", "116"},
	{"17", "117"},
	{"18", "118"},
	{"19", "119"},
}

// maxDepth is more than any terminal remembers of titles or keyboard modes.
const maxDepth = 64

// screen is the index of the screen that is shown.
func (m *modes) screen() int {
	if m.alternate {
		return 1
	}
	return 0
}

// escape notes an escape sequence that passed.
func (m *modes) escape(s []byte) {
	switch {
	case len(s) == 2 && s[1] == 'c':
		*m = modes{}
	case len(s) == 2 && (s[1] == '=' || s[1] == '>'):
		m.keypad = s[1] == '='
	case len(s) == 3 && s[1] == '(':
		m.charset = s[2] != 'B'
	case len(s) == 2 && (s[1] == 'n' || s[1] == 'o'):
		m.shifted = true
	}
}

// control notes a control sequence that passed.
func (m *modes) control(q sequence) {
	if len(q.kind) == 1 && q.kind[0] == 'm' {
		m.rendition(q.params)
		return
	}
	switch string(q.kind) {
	case "h", "?h":
		m.mode(q, true)
	case "l", "?l":
		m.mode(q, false)
	case "r":
		m.margins = len(q.params) > 0
	case "t":
		m.title(q.number(0))
	case " q":
		m.cursor = q.number(0) > 0
	case "!p":
		m.soft()
	case ">m":
		m.key(q.number(0), q.number(1) > 0)
	case ">n":
		m.key(q.number(0), false)
	case "?c":
		m.console = q.number(0) > 0
	case ">u":
		m.keyboard[m.screen()] = min(m.keyboard[m.screen()]+1, maxDepth)
	case "<u":
		m.keyboard[m.screen()] = max(m.keyboard[m.screen()]-max(q.number(0), 1), 0)
	case "=u":
		m.flags[m.screen()] = q.number(0) != 0
	}
}

// rendition notes how characters are shown (SGR), by its parameters.
func (m *modes) rendition(params []byte) {
	// Whatever is not plainly a reset may leave something.
	m.graphics = len(params) > 1 || len(params) == 1 && params[0] != '0'
}

func (m *modes) mode(q sequence, on bool) {
	private := q.kind[0] == '?'
	for _, n := range q.numbers {
		if private && (n == 47 || n == 1047 || n == 1049) {
			m.alternate = on
		}
		for i := range switchables {
			s := &switchables[i]
			if s.number == n && (s.prefix == "?") == private {
				m.set[i] = on != s.on
			}
		}
	}
}

// key: how a kind of key is reported when it is modified; 0 for all kinds.
func (m *modes) key(kind int, on bool) {
	switch {
	case kind == 4:
		m.keys[1] = on
	case on:
		m.keys[0] = true
	case kind == 0:
		m.keys = [2]bool{}
	}
}

func (m *modes) title(n int) {
	switch n {
	case 22:
		m.titles = min(m.titles+1, maxDepth)
	case 23:
		m.titles = max(m.titles-1, 0)
	}
}

// soft is a soft reset (DECSTR).
func (m *modes) soft() {
	for i, s := range switchables {
		switch s.number {
		case 1, 4, 6, 66, 69, 25:
			m.set[i] = false
		}
	}
	m.keypad, m.margins, m.graphics, m.charset, m.shifted = false, false, false, false, false
}

// text notes a control string that passed, without its ESC and its end.
func (m *modes) text(s []byte) {
	if s[0] != ']' {
		return
	}
	code, rest, _ := bytes.Cut(s[1:], []byte{';'})
	for i, c := range colourCommands {
		switch string(code) {
		case c.set:
			if !bytes.HasSuffix(rest, []byte{'?'}) {
				m.colours[i] = true
			}
		case c.reset:
			m.colours[i] = false
		}
	}
	switch string(code) {
	case "8":
		m.link = !bytes.HasSuffix(rest, []byte{';'})
	case "9":
		if bytes.HasPrefix(rest, []byte("4;")) {
			m.progress = !bytes.HasPrefix(rest, []byte("4;0"))
		}
	case "7501":
		if string(rest) != "?" {
			m.status = !bytes.HasPrefix(rest, []byte("state=clear"))
		}
	}
}

// again appends what switches on, in a terminal as a shell leaves it, what changes
// how it works: not colours and titles, which are soon set again.
func (m *modes) again(out []byte) []byte {
	if m.alternate {
		out = append(out, "\x1b[?1049h"...)
	}
	for i, s := range switchables {
		if m.set[i] && s.number != 2026 {
			final := 'h'
			if s.on {
				final = 'l'
			}
			out = fmt.Appendf(out, "\x1b[%s%d%c", s.prefix, s.number, final)
		}
	}
	if m.keypad {
		out = append(out, "\x1b="...)
	}
	return out
}

// restore appends what switches off whatever is on.
func (m *modes) restore(out []byte) []byte {
	add := func(on bool, s string) {
		if on {
			out = append(out, s...)
		}
	}
	keyboard := func(screen int) {
		if n := m.keyboard[screen]; n > 0 {
			add(true, fmt.Sprintf("\x1b[<%du", n))
		}
		add(m.flags[screen], "\x1b[=0u")
	}
	if m.alternate {
		add(m.set[0], "\x1b[?2026l")
		m.set[0] = false
		keyboard(1)
		add(true, "\x1b[?1049l")
	}
	keyboard(0)
	add(m.keys[1], "\x1b[>4m")
	add(m.keys[0], "\x1b[>m")
	for i, s := range switchables {
		final := 'l'
		if s.on {
			final = 'h'
		}
		if m.set[i] {
			add(true, fmt.Sprintf("\x1b[%s%d%c", s.prefix, s.number, final))
		}
	}
	add(m.keypad, "\x1b>")
	// Setting the margins moves the cursor.
	add(m.margins, "\x1b7\x1b[r\x1b8")
	add(m.charset, "\x1b(B")
	add(m.shifted, "\x0f")
	add(m.link, "\x1b]8;;\x1b\\")
	add(m.graphics, "\x1b[m")
	add(m.cursor, "\x1b[0 q")
	add(m.console, "\x1b[?0c")
	for i, c := range colourCommands {
		add(m.colours[i], "\x1b]"+c.reset+"\x1b\\")
	}
	add(m.progress, "\x1b]9;4;0\x1b\\")
	add(m.status, "\x1b]7501;state=clear\x1b\\")
	for range m.titles {
		add(true, "\x1b[23t")
	}
	return out
}
