package pattern

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jailed-claude/jailed-claude/spec/search"
)

// Pattern is one line of gitignore(5) syntax, without negation: a "/" at the
// end means folders only, one at the beginning or inside ties it to the
// project's folder, "*", "?" and "[…]" match within a name, "**" any number of
// folders.
type Pattern struct {
	// Text is as the policy has it.
	Text string
	segs []segment
	// dirOnly: only folders match.
	dirOnly bool
	// giant is how many segments there are up to one that names a folder which
	// searches pass over ("node_modules/x/.env"), where the rest is searched
	// for then; 0 if none does.
	giant int
}

// segment is the part of a pattern between two slashes.
type segment struct {
	// any is "**".
	any bool
	// literal is the name, if there is no wildcard; else glob is set.
	literal, glob string
}

// Error says why a text is no pattern.
type Error struct{ Text, Why string }

func (e *Error) Error() string { return fmt.Sprintf("pattern %q: %s", e.Text, e.Why) }

// Parse reads one pattern. The error is an *Error.
func Parse(text string) (*Pattern, error) {
	bad := func(why string) error { return &Error{text, why} }
	switch {
	case strings.HasPrefix(text, "!"):
		return nil, bad("negation is not supported")
	case strings.ContainsRune(text, 0):
		return nil, bad("has a NUL byte")
	case !utf8.ValidString(text):
		return nil, bad("is not UTF-8")
	}
	p := &Pattern{Text: text}
	rest := strings.TrimRight(text, "/")
	p.dirOnly = rest != text
	anchored := strings.HasPrefix(rest, "/")
	rest = strings.TrimLeft(rest, "/")
	if rest == "" {
		return nil, bad("names nothing")
	}
	if !anchored && !strings.Contains(rest, "/") {
		p.segs = append(p.segs, segment{any: true})
	}
	for name := range strings.SplitSeq(rest, "/") {
		switch name {
		case "":
			continue
		case ".", "..":
			return nil, bad("may not have a component \".\" or \"..\"")
		case "**":
			if n := len(p.segs); n == 0 || !p.segs[n-1].any {
				p.segs = append(p.segs, segment{any: true})
			}
			continue
		}
		literal, wild, ok := unescape(name)
		if !ok {
			return nil, bad("has an unfinished [ or \\")
		}
		if wild {
			p.segs = append(p.segs, segment{glob: name})
			continue
		}
		p.segs = append(p.segs, segment{literal: literal})
		if p.giant == 0 && (search.Skips(literal) || literal == search.BuildFolder) {
			p.giant = len(p.segs)
		}
	}
	return p, nil
}

// unescape returns the name that a segment without wildcards means, or says
// that it has some.
func unescape(seg string) (literal string, wild, ok bool) {
	var b strings.Builder
	for i := 0; i < len(seg); i++ {
		switch seg[i] {
		case '*', '?':
			wild = true
		case '[':
			_, n := class(seg[i:], 0)
			if n == 0 {
				return "", false, false
			}
			wild = true
			i += n - 1
			continue
		case '\\':
			if i++; i == len(seg) {
				return "", false, false
			}
		}
		b.WriteByte(seg[i])
	}
	return b.String(), wild, true
}

// match says whether the segment matches a name. "**" is for the walk.
func (s segment) match(name string) bool {
	if s.any {
		return false
	}
	if s.glob == "" {
		return s.literal == name
	}
	return glob(s.glob, name)
}

// glob matches byte by byte, as git does. After a "*" it goes back to the last
// one only, so that no pattern is exponential.
func glob(pat, name string) bool {
	p, n, star, from := 0, 0, -1, 0
	for n < len(name) {
		if p < len(pat) && pat[p] == '*' {
			star, from = p, n
			p++
			continue
		}
		if width := one(pat[min(p, len(pat)):], name[n]); width > 0 {
			p += width
			n++
			continue
		}
		if star < 0 {
			return false
		}
		from++
		p, n = star+1, from
	}
	return strings.Trim(pat[p:], "*") == ""
}

// one matches a single byte and returns how long the element of the pattern
// is; 0 means no match.
func one(pat string, c byte) int {
	switch {
	case pat == "":
		return 0
	case pat[0] == '?':
		return 1
	case pat[0] == '[':
		if in, n := class(pat, c); in {
			return n
		}
		return 0
	case pat[0] == '\\' && len(pat) > 1:
		if pat[1] == c {
			return 2
		}
		return 0
	case pat[0] == c:
		return 1
	}
	return 0
}

// class reads the "[…]" at the start of pat: whether c is in it, and its
// length, 0 if it does not end.
func class(pat string, c byte) (in bool, length int) {
	i := 1
	not := i < len(pat) && (pat[i] == '!' || pat[i] == '^')
	if not {
		i++
	}
	for first := true; i < len(pat); first = false {
		if pat[i] == ']' && !first {
			return in != not, i + 1
		}
		lo, ok := classByte(pat, &i)
		hi := lo
		if ok && i+1 < len(pat) && pat[i] == '-' && pat[i+1] != ']' {
			i++
			hi, ok = classByte(pat, &i)
		}
		if !ok {
			return false, 0
		}
		in = in || lo <= c && c <= hi
	}
	return false, 0
}

// classByte reads one byte of a class, escaped or not.
func classByte(pat string, i *int) (byte, bool) {
	if pat[*i] == '\\' {
		*i++
	}
	if *i >= len(pat) {
		return 0, false
	}
	b := pat[*i]
	*i++
	return b, true
}
