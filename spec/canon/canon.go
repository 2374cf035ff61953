package canon

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrText is returned by JSON for a string that is not UTF-8. The standard
// library writes U+FFFD for what it cannot encode, so that different values
// would have the same bytes.
var ErrText = errors.New("a string is not UTF-8")

// JSON writes v, which may be whatever encoding/json can encode.
func JSON(v any) ([]byte, error) {
	t, err := Tree(v)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := write(&b, t); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Tree is v as JSON sees it: maps, slices, strings, json.Number, bool and nil.
// Strings inside structs must be UTF-8: encoding/json mends them unasked.
func Tree(v any) (any, error) {
	switch v.(type) {
	case map[string]any, []any, []string, map[string]string, string, json.Number, bool, nil:
		// It is one already, unless it holds something else, which write
		// comes back with.
		return v, nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var t any
	if err := d.Decode(&t); err != nil {
		return nil, err
	}
	return t, nil
}

func write(b *bytes.Buffer, v any) error {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case string:
		return writeString(b, v)
	case json.Number:
		return writeNumber(b, v)
	case []any:
		b.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := write(b, e); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	case map[string]any:
		return writeObject(b, v)
	case []string:
		return write(b, list(v))
	case map[string]string:
		return write(b, table(v))
	default:
		t, err := Tree(v)
		if err != nil {
			return err
		}
		return write(b, t)
	}
	return nil
}

// list and table keep strings from encoding/json, which would mend them.
func list(v []string) []any {
	l := make([]any, len(v))
	for i, s := range v {
		l[i] = s
	}
	return l
}

func table(v map[string]string) map[string]any {
	t := make(map[string]any, len(v))
	for name, s := range v {
		t[name] = s
	}
	return t
}

func writeObject(b *bytes.Buffer, members map[string]any) error {
	b.WriteByte('{')
	for i, name := range slices.SortedFunc(maps.Keys(members), compareNames) {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := writeString(b, name); err != nil {
			return err
		}
		b.WriteByte(':')
		if err := write(b, members[name]); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
	}
	b.WriteByte('}')
	return nil
}

// compareNames orders by UTF-16 code units (RFC 8785, 3.2.3), which differs
// from the order of bytes beyond the Basic Multilingual Plane.
func compareNames(x, y string) int {
	return cmp.Or(slices.Compare(utf16.Encode([]rune(x)), utf16.Encode([]rune(y))), cmp.Compare(x, y))
}

// writeNumber writes what encoding/json wrote for a Go number. That is what
// ECMAScript writes, but for negative zero.
func writeNumber(b *bytes.Buffer, n json.Number) error {
	if strings.ContainsAny(string(n), ".eE") {
		f, err := n.Float64()
		if err != nil {
			return err
		}
		text, err := json.Marshal(f)
		if err != nil {
			return err
		}
		n = json.Number(text)
	}
	if n == "-0" {
		n = "0"
	}
	b.WriteString(string(n))
	return nil
}

// writeString escapes as RFC 8785, 3.2.2.2 says: what JSON must have escaped
// and nothing else.
func writeString(b *bytes.Buffer, s string) error {
	if !utf8.ValidString(s) {
		return ErrText
	}
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' && strings.ContainsRune("\b\t\n\f\r", r):
			b.WriteByte('\\')
			b.WriteByte("btn?fr"[r-'\b'])
		case r < ' ':
			fmt.Fprintf(b, "\\u%04x", r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return nil
}
