package terminal

import (
	"encoding/binary"
	"unicode/utf8"
)

// Patterns of eight bytes at once.
const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// below has a bit set if any byte of x, all of which are ASCII, is less than n.
func below(x, n uint64) uint64 { return (x - n*ones) &^ x & highs }

// plain returns how many bytes at the beginning of p are text that means
// nothing to the filter: ASCII and its control characters but for those that it
// looks at, and whole UTF-8 characters that are no controls.
func plain(p []byte) int {
	i := 0
	for {
		for len(p)-i >= 8 {
			x := binary.LittleEndian.Uint64(p[i:])
			if x&highs != 0 || below(x, ' ') != 0 {
				break
			}
			i += 8
		}
		// What stopped that is in the next eight bytes.
		for end := min(i+8, len(p)); i < end; {
			b := p[i]
			if b < utf8.RuneSelf {
				if b < ' ' && watched&(1<<b) != 0 {
					return i
				}
				i++
				continue
			}
			r, n := utf8.DecodeRune(p[i:])
			if n < 2 || isC1(r) {
				return i
			}
			i += n
		}
		if i == len(p) {
			return i
		}
	}
}

// watched are the control characters that the filter looks at, as bits.
const watched uint32 = 1<<enq | 1<<so | 1<<si | 1<<esc

// payload returns how many bytes at the beginning of p are in a control string
// and do not end it: no control characters.
func payload(p []byte) int {
	for i, b := range p {
		if b < ' ' || b == del {
			return i
		}
	}
	return len(p)
}
