package terminal

import "io"

// Options say what passes beyond what only shows something.
type Options struct {
	// Clipboard lets a program write to the clipboard of the terminal (OSC 52),
	// at most maxClipboard bytes of base64 at a time. It can never read it.
	Clipboard bool
	// Mute drops what a terminal answers, and notifications: for output that is
	// shown once more, to a terminal that comes later.
	Mute bool
}

// Bounds of what is held until it is complete, in bytes. What is longer is
// dropped as it comes; a title is cut.
const (
	// maxTitle is the longest title of a window.
	maxTitle = 256
	// maxControl is the longest control sequence (CSI).
	maxControl = 512
	// maxString is the longest control string, such as a chunk of an image.
	maxString = 64 << 10
	// maxClipboard is the longest text for the clipboard, as base64: 1 MiB.
	maxClipboard = (1 << 20) * 4 / 3
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
			n := f.run(p[i:])
			if n == len(p) {
				// Nothing is held back, so nothing needs to be put together.
				return f.to.Write(p)
			}
			f.out = append(f.out, p[i:i+n]...)
			i += n
			if i == len(p) {
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

// run returns how many bytes at the beginning of p pass as they are: text, and
// control sequences that are complete.
func (f *Filter) run(p []byte) int {
	for i := 0; ; {
		i += plain(p[i:])
		n := f.whole(p[i:])
		if n == 0 {
			return i
		}
		i += n
	}
}

// whole notes a control sequence that p begins with and that passes, and returns
// its length: 0 if there is none, or if it is not complete or not an ordinary
// one. What next does would do as well, byte by byte.
func (f *Filter) whole(p []byte) int {
	if len(p) < 3 || p[0] != esc || p[1] != '[' {
		return 0
	}
	p = p[:min(len(p), maxControl)]
	i := 2
	for i < len(p) && p[i] >= '0' && p[i] <= ';' {
		i++
	}
	if i < len(p) { // most have no prefix and no intermediates
		switch b := p[i]; {
		case b == 'm':
			f.modes.rendition(p[2:i])
			return i + 1
		case b < del && transient[b] && !f.options.Mute:
			return i + 1
		}
	}
	for ; i < len(p); i++ {
		switch b := p[i]; {
		case b >= '0' && b <= '?':
		case b >= '@' && b < del:
			q, ok := parse(p[:i+1], f.kind[:0])
			if !ok || !q.allowed() || f.options.Mute && q.asks() {
				return 0
			}
			f.modes.control(q)
			return i + 1
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
	if cap(f.out) > 4*maxString {
		f.out = nil
	}
	return err
}

// Modes is what brings another terminal into the modes that the program has
// switched on so far.
func (f *Filter) Modes() []byte { return f.modes.again(nil) }

// Restore forgets what is incomplete, and switches off what the program has
// switched on and not off again: nothing is written if there is nothing. It is
// for the end of the program, however it ended.
func (f *Filter) Restore() error {
	f.ground()
	f.out = f.modes.restore(f.out[:0])
	f.modes = modes{}
	return f.flush()
}
