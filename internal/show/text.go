package show

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text is a text whose writer is not trusted, for a terminal: what would
// move the cursor, change the direction, be invisible, or is not UTF-8 is
// written out as <U+001B> or <0xFF>. Line ends and tabs stay.
func Text(s string) string {
	if plain(s) {
		return s
	}
	hidden := func(r rune) bool {
		return r != '\n' && r != '\t' && (r == utf8.RuneError || !unicode.IsGraphic(r) || unicode.Is(unicode.Cf, r) ||
			unicode.Is(unicode.Variation_Selector, r) || (unicode.IsSpace(r) && r > unicode.MaxASCII) || r == '\u3164' || r == '\u115f' || r == '\u1160' || r == '\uffa0' || r == '\u2800')
	}
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, "<0x%02X>", s[i])
		case hidden(r):
			fmt.Fprintf(&b, "<U+%04X>", r)
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// plain: every byte is printable ASCII, a line's end or a tab. Nearly every file is.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < ' ' || c > '~') && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}

// Line is the same for what has to stay on one line, such as a name.
func Line(s string) string {
	return strings.NewReplacer("\n", "<U+000A>", "\t", "<U+0009>").Replace(Text(s))
}
