package terminal

import "fmt"

// Aside is what brings a terminal to an empty screen in the modes of a shell, for
// something else than the program, and what brings it back. lost: the program's
// own screen is empty then, and it has to show everything again.
//
// Nothing of the program passes in between.
func (f *Filter) Aside() (begin, back []byte, lost bool) {
	m := &f.modes
	for i, s := range switchables {
		if m.set[i] {
			final := 'l'
			if s.on {
				final = 'h'
			}
			begin = fmt.Appendf(begin, "\x1b[%s%d%c", s.prefix, s.number, final)
		}
	}
	if m.keypad {
		begin = append(begin, "\x1b>"...)
	}
	// The keys of kitty's keyboard modes are pushed; others overlook that. The
	// alternate screen keeps the cursor, with its rendition.
	back = append(back, "\x1b[2J\x1b[<1u"...)
	if !m.alternate {
		begin, back = append(begin, "\x1b[?1049h"...), append(back, "\x1b[?1049l"...)
	}
	begin = append(begin, "\x1b[>0u\x1b[m\x1b(B\x0f\x1b[2J\x1b[H"...)
	modes := *m
	modes.alternate = false
	return begin, modes.again(back), m.alternate
}
