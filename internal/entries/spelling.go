package entries

import (
	"path"
	"strings"
	"unicode/utf8"
)

// Spellings are names by which programs look for something. On some file systems,
// or in some folders, such a name finds an entry that is spelled otherwise.
type Spellings struct {
	plain map[string]string
	globs []string
	// globbed tells which entries a glob can be for.
	globbed First
	// first says which entries are looked at, by their first byte: those with
	// another spelling than usual in them, or all.
	first [256]struct{ odd, all bool }
}

// Add adds a name. A "*" stands for any characters.
func (s *Spellings) Add(name string) {
	if s.plain == nil {
		s.plain = map[string]string{}
		for b := utf8.RuneSelf; b < len(s.first); b++ {
			s.first[b].odd = true
		}
	}
	folded := fold([]byte(name))
	if strings.Contains(name, "*") {
		s.globs = append(s.globs, folded)
		s.globbed.Add(folded)
	} else {
		s.plain[folded] = name
	}
	for _, b := range []byte{folded[0], folded[0] &^ 0x20} {
		s.first[b].odd = true
		// Where the name has capitals, small letters are another spelling.
		s.first[b].all = s.first[b].all || folded != name
	}
}

// Other is the name of which an entry is another spelling; empty if it is none, or
// the name itself. Whether the one finds the other there is for the caller to see.
func (s *Spellings) Other(entry []byte) string {
	if len(entry) == 0 {
		return ""
	}
	if f := s.first[entry[0]]; !f.odd || !f.all && !odd(entry) {
		return ""
	}
	var room [64]byte
	folded := ascii(room[:0], entry)
	if folded == nil {
		folded = []byte(fold(entry))
	}
	name, ok := s.plain[string(folded)]
	if !ok && s.globbed.May(folded) {
		for _, g := range s.globs {
			if match, _ := path.Match(g, string(folded)); match {
				name = string(folded)
			}
		}
	}
	if name == string(entry) {
		return ""
	}
	return name
}

// odd: not all of a name is what lists are written in.
func odd(name []byte) bool {
	for _, b := range name {
		if b >= utf8.RuneSelf || b >= 'A' && b <= 'Z' {
			return true
		}
	}
	return false
}

// ascii is fold for a short name in ASCII, which needs no memory of its own: appended
// to room, or nil.
func ascii(room, name []byte) []byte {
	if len(name) > cap(room) {
		return nil
	}
	for _, b := range name {
		switch {
		case b >= utf8.RuneSelf:
			return nil
		case b >= 'A' && b <= 'Z':
			b += 'a' - 'A'
		}
		room = append(room, b)
	}
	return room
}

// fold is one spelling for all that some file system takes for the same, of names
// in ASCII: case, characters that it ignores, letters that are others in another
// form.
func fold(name []byte) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r < utf8.RuneSelf:
			return r
		case r == 0x212a: // the sign for Kelvin
			return 'k'
		case r == 0x17f: // the long s
			return 's'
		case r >= 0xff01 && r <= 0xff5e: // of full width
			r -= 0xff01 - '!'
			if r >= 'A' && r <= 'Z' {
				r += 'a' - 'A'
			}
			return r
		case r == 0xad || r == 0x34f || r == 0x61c || r == 0x115f || r == 0x1160 || r == 0x17b4 || r == 0x17b5 || r >= 0x180b && r <= 0x180f ||
			r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2060 && r <= 0x206f || r == 0x3164 || r >= 0xfe00 && r <= 0xfe0f ||
			r == 0xfeff || r == 0xffa0 || r >= 0xfff0 && r <= 0xfff8 || r >= 0xe0000 && r <= 0xe0fff:
			return -1 // Default_Ignorable_Code_Point of Unicode
		}
		return r
	}, string(name))
}
