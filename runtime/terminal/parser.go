package terminal

import (
	"bytes"
	"unicode/utf8"
)

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
	if cap(f.held) > maxString {
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
	case len(f.held)+len(p) <= maxString, f.clipboard() && len(f.held)+len(p) <= maxClipboard:
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
	if len(f.held) <= maxControl {
		f.held = append(f.held, b)
	}
	if b < '@' {
		return
	}
	if len(f.held) > maxControl {
		f.ground()
		return
	}
	q, ok := parse(f.held, f.kind[:0])
	if !ok || !q.allowed() || f.options.Mute && q.asks() {
		f.ground()
		return
	}
	f.modes.control(q)
	f.pass()
}

// finish ends an escape sequence.
func (f *Filter) finish() {
	if !escapeAllowed(f.held) || f.options.Mute && f.held[len(f.held)-1] == 'Z' {
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
	if f.bad || f.options.Mute && f.textAsks() || !f.textAllowed() {
		f.ground()
		return
	}
	f.modes.text(f.held[1:])
	f.held = append(f.held, end...)
	f.pass()
}

func isC1(r rune) bool { return r >= 0x80 && r <= 0x9f }
