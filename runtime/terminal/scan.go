package terminal

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Patterns of eight bytes at once.
const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// below has the highest bit of each byte of x set that is less than n, which is
// at most 0x80: exactly up to the first of them, and the bytes behind it do not
// matter. Bytes that are not ASCII count as not less.
func below(x, n uint64) uint64 { return (x - n*ones) &^ x & highs }

// plain returns how many bytes at the beginning of p are text that means
// nothing to the filter: ASCII and its control characters but for those that it
// looks at, and whole UTF-8 characters that are no controls.
func plain(p []byte) int {
	i := 0
	for {
		for len(p)-i >= 8 {
			x := binary.LittleEndian.Uint64(p[i:])
			if stop := x&highs | below(x, ' '); stop != 0 {
				i += bits.TrailingZeros64(stop) / 8
				break
			}
			i += 8
		}
		// What stops that seldom comes alone.
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
