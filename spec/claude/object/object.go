package object

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// errNot is returned for JSON that is something else than an object.
var errNot = errors.New("not a JSON object")

// Member of a JSON object. Objects are lists here, so that a file of the
// user's keeps its order.
type Member struct {
	Key   string
	Value json.RawMessage
}

// Parse reads a JSON object. Of a key that is there twice the last
// counts, as in JavaScript.
func Parse(text []byte) ([]Member, error) {
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
	t, err := d.Token()
	if err != nil {
		return nil, Fault(err)
	}
	if t != json.Delim('{') {
		return nil, errNot
	}
	var ms []Member
	at := map[string]int{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, Fault(err)
		}
		m := Member{Key: t.(string)}
		if err := d.Decode(&m.Value); err != nil {
			return nil, Fault(err)
		}
		if i, ok := at[m.Key]; ok {
			ms[i] = m
			continue
		}
		at[m.Key] = len(ms)
		ms = append(ms, m)
	}
	if _, err := d.Token(); err != nil {
		return nil, Fault(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more follows the JSON object")
	}
	return ms, nil
}

// Fault is a JSON error without what the file says: there may be secrets.
func Fault(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("not valid JSON at byte %d", syntax.Offset)
	}
	return errors.New("not valid JSON")
}

// Get is the value of a key, or nil.
func Get(ms []Member, key string) json.RawMessage {
	for _, m := range ms {
		if m.Key == key {
			return m.Value
		}
	}
	return nil
}

// Set replaces or, with nil, removes a value behind keys. Objects on the way
// are made.
func Set(text []byte, keys []string, value json.RawMessage) ([]byte, error) {
	if len(keys) == 0 {
		return nil, errors.New("no key")
	}
	key := keys[0]
	ms, err := Parse(text)
	if err != nil {
		return nil, err
	}
	if len(keys) > 1 {
		inner := Get(ms, key)
		if inner == nil {
			if value == nil {
				return text, nil
			}
			inner = json.RawMessage("{}")
		}
		if value, err = Set(inner, keys[1:], value); err != nil {
			return nil, fmt.Errorf("%q: %w", key, err)
		}
	}
	var to []Member
	done := value == nil
	for _, m := range ms {
		switch {
		case m.Key != key:
			to = append(to, m)
		case value != nil:
			to, done = append(to, Member{m.Key, value}), true
		}
	}
	if !done {
		to = append(to, Member{key, value})
	}
	return Render(to)
}

// Render writes an object as Claude Code does.
func Render(ms []Member) ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range ms {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := Encode(m.Key)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(m.Value)
	}
	b.WriteByte('}')
	var out bytes.Buffer
	if err := json.Indent(&out, b.Bytes(), "", "  "); err != nil {
		return nil, Fault(err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// Encode is JSON without escapes for HTML, and without a line end.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Canonical is a value as it is compared, shown and taken: keys sorted and
// without duplicates, indented.
func Canonical(value json.RawMessage) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, Fault(err)
	}
	text, err := Encode(v)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return nil, Fault(err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}
