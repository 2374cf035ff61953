package git

import (
	"strings"
)

// Setting is one variable of a git config file. Section and variable names are
// lower case; a subsection is as written.
type Setting struct {
	Key, Value string
	// Local: it is the repository's own, which the jail sees anyway.
	Local bool
}

// ParseConfig reads git-config(1)'s syntax, leniently: it serves to find
// the files that a repository would execute, so that a line that git would
// refuse costs nothing but its own setting.
func ParseConfig(text string) []Setting {
	var list []Setting
	section := ""
	for text != "" {
		text = strings.TrimLeft(text, " \t\r\n\ufeff")
		switch {
		case text == "":
		case text[0] == '#' || text[0] == ';':
			_, text, _ = strings.Cut(text, "\n")
		case text[0] == '[':
			section, text = gitSection(text[1:])
		default:
			var s Setting
			s, text = gitVariable(section, text)
			list = append(list, s)
		}
	}
	return list
}

// gitSection reads what follows "[" up to and including "]".
func gitSection(text string) (name, rest string) {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\n':
			return "", text[i:] // unfinished
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case c == ']' && !quoted:
			return strings.TrimSuffix(b.String(), "."), text[i+1:]
		case (c == ' ' || c == '\t') && !quoted:
			b.WriteByte('.')
		case quoted:
			b.WriteByte(c)
		default:
			b.WriteString(strings.ToLower(string(c)))
		}
	}
	return "", ""
}

// gitVariable reads "name = value" to the end of its line, or of its lines if
// they end in a backslash.
func gitVariable(section, text string) (Setting, string) {
	end := strings.IndexAny(text, "=\n")
	if end < 0 {
		end = len(text)
	}
	s := Setting{Key: section + "." + strings.ToLower(strings.TrimSpace(text[:end]))}
	if end == len(text) || text[end] == '\n' {
		s.Value = "true"
		return s, text[end:]
	}
	var b strings.Builder
	quoted, kept := false, 0 // kept: up to here blanks count
	i := end + 1
loop:
	for ; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\n':
			break loop
		case c == '"':
			quoted = !quoted
			kept = b.Len()
			continue
		case (c == '#' || c == ';') && !quoted:
			_, rest, _ := strings.Cut(text[i:], "\n")
			text, i = rest, 0
			break loop
		case c == '\\' && i+1 < len(text):
			i++
			if c = text[i]; c == '\n' {
				continue
			}
			if r, ok := map[byte]byte{'n': '\n', 't': '\t', 'b': '\b'}[c]; ok {
				c = r
			}
		case (c == ' ' || c == '\t' || c == '\r') && !quoted:
			if b.Len() > 0 {
				b.WriteByte(c)
			}
			continue
		}
		b.WriteByte(c)
		kept = b.Len()
	}
	s.Value = b.String()[:kept]
	return s, text[i:]
}

// Includes says whether a variable names a further config file.
func Includes(key string) bool {
	return key == "include.path" || strings.HasPrefix(key, "includeif.") && strings.HasSuffix(key, ".path")
}
