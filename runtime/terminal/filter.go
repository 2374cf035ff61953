package terminal

import (
	"bytes"
	"io"
	"unicode/utf8"
)

// Options say what passes beyond what only shows something.
type Options struct {
	// Clipboard lets a program write to the clipboard of the terminal (OSC 52),
	// at most MaxClipboard bytes of base64 at a time. It can never read it.
	Clipboard bool
}

// Bounds of what is held until it is complete, in bytes. What is longer is
// dropped as it comes; a title is cut.
const (
	// MaxTitle is the longest title of a window.
	MaxTitle = 256
	// MaxControl is the longest control sequence (CSI).
	MaxControl = 512
	// MaxString is the longest control string, such as a chunk of an image.
	MaxString = 64 << 10
	// MaxClipboard is the longest text for the clipboard, as base64: 1 MiB.
	MaxClipboard = (1 << 20) * 4 / 3
)

// Control characters that mean something to the filter.
const (
	enq = 0x05
	bel = 0x07
	so  = 0x0e
	si  = 0x0f
	can = 0x18
	sub = 0x1a
	esc = 0x1b
	del = 0x7f
)

// state of the parser: those of a VT500 (Paul Williams, "A parser for DEC's
// ANSI-compatible video terminals"), but that all control strings are one, and
// that no sequence is acted upon before it is complete.
type state uint8

const (
	ground     state = iota
	character        // within a UTF-8 character
	escape           // after ESC, and what comes between it and a final byte
	control          // within CSI
	text             // within OSC, DCS, APC, PM, SOS and screen's title
	textEscape       // the same, after ESC
)

// Filter is an io.Writer that passes what is harmless on to another one, byte
// for byte. The bytes may come in pieces of any size; where they are split makes
// no difference. The terminal must be one that reads UTF-8.
//
// Its memory is bounded, whatever is written. It is not safe for concurrent use.
type Filter struct {
	to      io.Writer
	options Options
	state   state
	// held is the incomplete unit that the state is about.
	held []byte
	// bad: the control string is dropped, held no longer grows.
	bad bool
	// out is what one call of Write passes on.
	out []byte
	// kind is room for one.
	kind [4]byte
	// modes is what the program has switched on.
	modes modes
}

// NewFilter returns a Filter that writes to a terminal.
func NewFilter(to io.Writer, o Options) *Filter {
	return &Filter{to: to, options: o}
}

// Write passes on what is harmless of p, in one call of the underlying writer,
// or in none. An incomplete sequence is held back. It returns len(p), or what
// the underlying writer failed with.
func (f *Filter) Write(p []byte) (int, error) {
	f.out = f.out[:0]
	for i := 0; i < len(p); {
		switch f.state {
		case ground:
			n := plain(p[i:])
			f.out = append(f.out, p[i:i+n]...)
			i += n
			if i == len(p) {
				continue
			}
			if n := f.whole(p[i:]); n > 0 {
				i += n
				continue
			}
		case text:
			n := payload(p[i:])
			f.hold(p[i : i+n])
			i += n
			if i == len(p) {
				continue
			}
		}
		f.next(p[i])
		i++
	}
	if err := f.flush(); err != nil {
		return 0, err
	}
	return len(p), nil
}

// whole passes on a control sequence that p begins with, and returns its length:
// 0 if there is none, or if it is not complete or not an ordinary one. What it
// does next would do as well, byte by byte.
func (f *Filter) whole(p []byte) int {
	if len(p) < 3 || p[0] != esc || p[1] != '[' {
		return 0
	}
	for i, b := range p[2:min(len(p), MaxControl)] {
		switch {
		case b >= '0' && b <= '?':
		case b >= '@' && b < del:
			q, ok := parse(p[:i+3], f.kind[:0])
			if !ok || !q.allowed() {
				return 0
			}
			f.modes.control(q)
			f.out = append(f.out, p[:i+3]...)
			return i + 3
		default:
			return 0
		}
	}
	return 0
}

// flush writes what is to pass on.
func (f *Filter) flush() error {
	if len(f.out) == 0 {
		return nil
	}
	_, err := f.to.Write(f.out)
	if cap(f.out) > 4*MaxString {
		f.out = nil
	}
	return err
}

// Restore forgets what is incomplete, and switches off what the program has
// switched on and not off again: nothing is written if there is nothing. It is
// for the end of the program, however it ended.
func (f *Filter) Restore() error {
	f.ground()
	f.out = f.modes.restore(f.out[:0])
	f.modes = modes{}
	return f.flush()
}

// next takes one byte in any state.
func (f *Filter) next(b byte) {
	switch {
	case f.state == character:
		f.character(b)
	case f.state == textEscape:
		f.textEscape(b)
	case b == esc && f.state == text:
		f.state = textEscape
	case b == esc:
		f.ground()
		f.state, f.held = escape, append(f.held, esc)
	case f.state == ground:
		f.single(b)
	case b == can || b == sub:
		f.ground()
	case f.state == text:
		f.text(b)
	case b == del:
		// Terminals ignore it there.
	case b < ' ':
		// It takes effect at once, before the sequence that it is in.
		f.single(b)
	case b > del:
		f.ground()
		f.single(b)
	case f.state == escape:
		f.escape(b)
	default:
		f.control(b)
	}
}

// ground drops what is held.
func (f *Filter) ground() {
	f.state, f.bad = ground, false
	if cap(f.held) > MaxString {
		f.held = nil
	}
	f.held = f.held[:0]
}

// pass passes on what is held.
func (f *Filter) pass() {
	f.out = append(f.out, f.held...)
	f.ground()
}

// hold keeps a part of a control string.
func (f *Filter) hold(p []byte) {
	// The first bytes say how long it may become.
	n := min(len(p), max(len(clipboardCommand)-len(f.held), 0))
	f.held, p = append(f.held, p[:n]...), p[n:]
	switch {
	case f.bad:
	case len(f.held)+len(p) <= MaxString, f.clipboard() && len(f.held)+len(p) <= MaxClipboard:
		f.held = append(f.held, p...)
	default:
		f.bad = true
	}
}

const clipboardCommand = "\x1b]52;"

// clipboard: what is held is for the clipboard, and may be.
func (f *Filter) clipboard() bool {
	return f.options.Clipboard && bytes.HasPrefix(f.held, []byte(clipboardCommand))
}

// single takes a byte that is no part of a sequence.
func (f *Filter) single(b byte) {
	switch {
	case b == enq: // the terminal would type its answerback message
	case b >= 0x80 && b <= 0x9f: // a control of the eight-bit set, C1
	case b >= 0xc2 && b <= 0xf4:
		f.state, f.held = character, append(f.held, b)
	default:
		if b == so || b == si {
			f.modes.shifted = b == so
		}
		f.out = append(f.out, b)
	}
}

// character takes a byte after the first one of a character.
func (f *Filter) character(b byte) {
	f.held = append(f.held, b)
	if !utf8.FullRune(f.held) {
		return
	}
	r, n := utf8.DecodeRune(f.held)
	if n == len(f.held) {
		if isC1(r) {
			// Terminals take it for the control itself.
			f.ground()
			return
		}
		f.pass()
		return
	}
	// Not UTF-8. The first byte is what other tables call a letter; what
	// follows begins anew.
	var rest [utf8.UTFMax]byte
	n = copy(rest[:], f.held[1:])
	f.out = append(f.out, f.held[0])
	f.ground()
	for _, b := range rest[:n] {
		f.next(b)
	}
}

// escape takes a byte after ESC: from space to tilde.
func (f *Filter) escape(b byte) {
	// One more than there ever are stands for all that is too long.
	if len(f.held) <= maxEscape {
		f.held = append(f.held, b)
	}
	switch {
	case b < '0': // an intermediate
	case len(f.held) > 2:
		f.finish()
	case b == '[':
		f.state = control
	case bytes.IndexByte([]byte("]P_^Xk"), b) >= 0:
		f.state = text
	default:
		f.finish()
	}
}

// control takes a byte after CSI: from space to tilde.
func (f *Filter) control(b byte) {
	// One more than allowed stands for all that is too long.
	if len(f.held) <= MaxControl {
		f.held = append(f.held, b)
	}
	if b < '@' {
		return
	}
	if len(f.held) > MaxControl {
		f.ground()
		return
	}
	q, ok := parse(f.held, f.kind[:0])
	if !ok || !q.allowed() {
		f.ground()
		return
	}
	f.modes.control(q)
	f.pass()
}

// finish ends an escape sequence.
func (f *Filter) finish() {
	if !escapeAllowed(f.held) {
		f.ground()
		return
	}
	f.modes.escape(f.held)
	f.pass()
}

// text takes a byte of a control string that is not part of its payload.
func (f *Filter) text(b byte) {
	if b == bel && f.held[1] == ']' {
		f.finishText(string(rune(bel)))
		return
	}
	f.bad = true
}

// textEscape takes the byte after an ESC in a control string. Whatever it is,
// the string ends: other terminals begin a sequence with it.
func (f *Filter) textEscape(b byte) {
	if b == '\\' {
		f.finishText("\x1b\\")
		return
	}
	f.ground()
	f.state, f.held = escape, append(f.held, esc)
	f.next(b)
}

// finishText ends a control string.
func (f *Filter) finishText(end string) {
	if f.bad || !f.textAllowed() {
		f.ground()
		return
	}
	f.modes.text(f.held[1:])
	f.held = append(f.held, end...)
	f.pass()
}

func isC1(r rune) bool { return r >= 0x80 && r <= 0x9f }
