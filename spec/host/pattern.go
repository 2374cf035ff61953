package host

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jailed-claude/jailed-claude/spec/search"
)

// A pattern is one line of gitignore(5) syntax, without negation: a "/" at the
// end means folders only, one at the beginning or inside ties it to the
// project's folder, "*", "?" and "[…]" match within a name, "**" any number of
// folders.
type pattern struct {
	// text is as the policy has it.
	text string
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

// parsePattern reads one pattern; what says which key of the policy it is of.
func parsePattern(what, text string) (*pattern, error) {
	bad := func(why string) (*pattern, error) {
		return nil, fmt.Errorf("%s %w %q: %s", what, ErrPattern, text, why)
	}
	switch {
	case strings.HasPrefix(text, "!"):
		return bad("negation is not supported")
	case strings.ContainsRune(text, 0):
		return bad("has a NUL byte")
	case !utf8.ValidString(text):
		return bad("is not UTF-8")
	}
	p := &pattern{text: text}
	rest := strings.TrimRight(text, "/")
	p.dirOnly = rest != text
	anchored := strings.HasPrefix(rest, "/")
	rest = strings.TrimLeft(rest, "/")
	if rest == "" {
		return bad("names nothing")
	}
	if !anchored && !strings.Contains(rest, "/") {
		p.segs = append(p.segs, segment{any: true})
	}
	for name := range strings.SplitSeq(rest, "/") {
		switch name {
		case "":
			continue
		case ".", "..":
			return bad("may not have a component \".\" or \"..\"")
		case "**":
			if n := len(p.segs); n == 0 || !p.segs[n-1].any {
				p.segs = append(p.segs, segment{any: true})
			}
			continue
		}
		literal, wild, ok := unescape(name)
		if !ok {
			return bad("has an unfinished [ or \\")
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

// parsePatterns reads all of a key.
func parsePatterns(what string, texts []string) ([]*pattern, error) {
	var list []*pattern
	for _, t := range texts {
		p, err := parsePattern(what, t)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// state is a pattern and how much of it the way down has matched.
type state struct {
	*pattern
	at int
	// hide: a match is to be hidden; otherwise to be protected.
	hide bool
	// named: the last folder was matched by its name, not by "**".
	named bool
}

// explicit: the pattern named a giant on the way here, so that it means what
// lies in giants.
func (st state) explicit() bool { return st.giant > 0 && st.at >= st.giant }

// open adds the states that "**" leaves when it matches no folder at all.
func open(states []state) []state {
	for i := 0; i < len(states); i++ {
		st := states[i]
		if st.segs[st.at].any && st.at+1 < len(st.segs) {
			st.at, st.named = st.at+1, false
			if !slices.Contains(states, st) {
				states = append(states, st)
			}
		}
	}
	return states
}

// literals lists the names that the states can match, if they are few and
// known, so that the folder need not be read.
func literals(states []state) (names []string, all bool) {
	for _, st := range states {
		seg := st.segs[st.at]
		if seg.any || seg.glob != "" {
			return nil, false
		}
		if !slices.Contains(names, seg.literal) {
			names = append(names, seg.literal)
		}
	}
	return names, true
}

// step is what an entry does to the states of its folder: whether one is
// finished (the best of them), and the states for the entry's own entries.
// dir says that the entry is a folder or a symlink to one.
func step(states []state, name string, dir bool) (done *state, next []state) {
	for _, st := range states {
		seg, last := st.segs[st.at], st.at == len(st.segs)-1
		switch {
		case seg.any && !last:
			if dir && (st.explicit() || !search.Skips(name)) {
				st.named = false
				next = append(next, st)
			}
			continue
		case !seg.any && !seg.match(name):
			continue
		case !last:
			if dir {
				st.at, st.named = st.at+1, true
				next = append(next, st)
			}
			continue
		case st.dirOnly && !dir:
			continue
		}
		if done == nil || st.hide && !done.hide {
			done = &st
		}
	}
	return done, next
}
