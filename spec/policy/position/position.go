package position

import (
	"sort"
	"strconv"

	"github.com/pelletier/go-toml/v2/unstable"
)

// Map remembers where the keys and list elements of a file are. The decoder of
// go-toml forgets them, and an error about a value is of little use without its
// line. They come from go-toml's syntax tree; its package is called
// unstable for its interface, which go.sum pins.
type Map struct {
	// offsets of keys ("files.read", "broker[0].name"), scalar values
	// ("files.project=") and list elements ("files.read[0]").
	offsets map[string]int
	// lines are the offsets at which each line starts.
	lines []int
}

// Read walks a document that go-toml has already accepted.
func Read(data []byte) *Map {
	p := &Map{offsets: map[string]int{}, lines: []int{0}}
	for i, c := range data {
		if c == '\n' {
			p.lines = append(p.lines, i+1)
		}
	}

	var parser unstable.Parser
	parser.Reset(data)
	table := ""
	tables := map[string]int{}
	for parser.NextExpression() {
		switch n := parser.Expression(); n.Kind {
		case unstable.Table:
			table = p.addKey("", n.Key())
		case unstable.ArrayTable:
			table = p.addElement(n.Key(), tables)
		case unstable.KeyValue:
			p.addValue(p.addKey(table, n.Key()), n.Value())
		}
	}
	return p
}

// addKey notes each part of a dotted key below parent and returns the name of
// the last. The first place that names a table is the one that is kept.
func (p *Map) addKey(parent string, parts unstable.Iterator) string {
	name := parent
	for parts.Next() {
		part := parts.Node()
		name = Join(name, string(part.Data))
		if _, ok := p.offsets[name]; !ok {
			p.offsets[name] = int(part.Raw.Offset)
		}
	}
	return name
}

// addElement notes one more [[table]] and returns its name; tables counts them.
func (p *Map) addElement(parts unstable.Iterator, tables map[string]int) string {
	var last int
	name := ""
	for parts.Next() {
		part := parts.Node()
		name = Join(name, string(part.Data))
		last = int(part.Raw.Offset)
		if _, ok := p.offsets[name]; !ok {
			p.offsets[name] = last
		}
	}
	element := Element(name, tables[name])
	tables[name]++
	p.offsets[element] = last
	return element
}

// addValue notes where the value of the key called name is. Arrays keep the
// position of their key, since go-toml has none for them.
func (p *Map) addValue(name string, value *unstable.Node) {
	switch value.Kind {
	case unstable.Array:
		elements := value.Children()
		for i := 0; elements.Next(); {
			element := elements.Node()
			if element.Kind == unstable.Comment {
				continue
			}
			if element.Kind == unstable.InlineTable {
				p.addValue(Element(name, i), element)
			} else if element.Raw.Length > 0 {
				p.offsets[Element(name, i)] = int(element.Raw.Offset)
			}
			i++
		}
	case unstable.InlineTable:
		pairs := value.Children()
		for pairs.Next() {
			if pair := pairs.Node(); pair.Kind == unstable.KeyValue {
				p.addValue(p.addKey(name, pair.Key()), pair.Value())
			}
		}
	default:
		if value.Raw.Length > 0 {
			p.offsets[Value(name)] = int(value.Raw.Offset)
		}
	}
}

// Of returns the line and column of the first of names that has a position,
// and zeros where none has one.
func (p *Map) Of(names ...string) (line, column int) {
	if p == nil {
		return 0, 0
	}
	for _, name := range names {
		if offset, ok := p.offsets[name]; ok {
			i := sort.SearchInts(p.lines, offset+1) - 1
			return i + 1, offset - p.lines[i] + 1
		}
	}
	return 0, 0
}

// Join appends one part to a dotted key. What TOML would have to quote is
// quoted, so that a key with a dot or an escape sequence in it is neither
// mistaken for another one nor written raw to a terminal.
func Join(parent, part string) string {
	if !isBareKey(part) {
		part = strconv.Quote(part)
	}
	if parent == "" {
		return part
	}
	return parent + "." + part
}

func isBareKey(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return s != ""
}

// Value names the value of a key.
func Value(key string) string {
	return key + "="
}

// Element names one element of a list.
func Element(key string, i int) string {
	return key + "[" + strconv.Itoa(i) + "]"
}
