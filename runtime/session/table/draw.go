package table

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/runtime/session"
)

// view is what is on the screen.
type view struct {
	jails []session.Listed
	// selected is the ID of one of them.
	selected string
	// choices are what a digit chooses from; below is what was last said.
	choices []string
	below   []string
}

const keysLine = "enter attach   s stop   a allow   r review   j/k move   q quit"

// Sequences: an alternate screen that does not wrap lines, and back.
const (
	enter  = "\x1b[?1049h\x1b[?7l\x1b[?25l"
	leave  = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	home   = "\x1b[H"
	toEnd  = "\x1b[K"
	rest   = "\x1b[J"
	invert = "\x1b[7m"
	plain  = "\x1b[m"
)

// at is the index of the selected jail; the first one where that is gone.
func (v *view) at() int {
	for i, j := range v.jails {
		if j.ID == v.selected {
			return i
		}
	}
	return 0
}

// wrapped are the lines of a message on a screen of some width.
func wrapped(lines []string, width int) (all []string) {
	for _, line := range lines {
		for rest := []rune(line); ; {
			if len(rest) <= width {
				all = append(all, string(rest))
				break
			}
			at := width
			for i := width; i > width/2; i-- {
				if rest[i] == ' ' {
					at = i
					break
				}
			}
			all = append(all, string(rest[:at]))
			rest = []rune(strings.TrimPrefix(string(rest[at:]), " "))
		}
	}
	return all
}

// draw is a whole screen of some size.
func (v *view) draw(width, height int) []byte {
	var text bytes.Buffer
	_ = session.Print(&text, v.jails) // a buffer takes everything
	rows := strings.Split(strings.TrimRight(text.String(), "\n"), "\n")
	head, rows := rows[0], rows[1:]
	below := wrapped(v.below, width)
	for i, c := range v.choices {
		below = append(below, fmt.Sprintf("%d  %s", i+1, show.Visible(c)))
	}
	if len(v.jails) == 0 {
		below = append(below, "no jail of yours is running")
	}
	below = below[:min(len(below), max(0, height-4))]
	room := max(1, height-3-len(below))
	first := max(0, min(v.at()-room/2, len(rows)-room))
	var b bytes.Buffer
	b.WriteString(home + head + toEnd + "\r\n")
	for i := first; i < min(len(rows), first+room); i++ {
		if i == v.at() {
			b.WriteString(invert + rows[i] + toEnd + plain + "\r\n")
		} else {
			b.WriteString(rows[i] + toEnd + "\r\n")
		}
	}
	b.WriteString(toEnd + "\r\n")
	for _, line := range below {
		b.WriteString(line + toEnd + "\r\n")
	}
	b.WriteString(keysLine + toEnd + rest)
	return b.Bytes()
}

// say shows the lines of a text, of which nothing may speak to the terminal.
func (v *view) say(text string) {
	v.below, v.choices = nil, nil
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			v.below = append(v.below, show.Line(line))
		}
	}
}
