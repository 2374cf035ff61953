package claude

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// errNotObject is returned for JSON that is something else than an object.
var errNotObject = errors.New("not a JSON object")

// member of a JSON object. Objects are lists here, so that a file of the
// user's keeps its order.
type member struct {
	key   string
	value json.RawMessage
}

// parseObject reads a JSON object. Of a key that is there twice the last
// counts, as in JavaScript.
func parseObject(text []byte) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
	t, err := d.Token()
	if err != nil {
		return nil, fault(err)
	}
	if t != json.Delim('{') {
		return nil, errNotObject
	}
	var ms []member
	at := map[string]int{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, fault(err)
		}
		m := member{key: t.(string)}
		if err := d.Decode(&m.value); err != nil {
			return nil, fault(err)
		}
		if i, ok := at[m.key]; ok {
			ms[i] = m
			continue
		}
		at[m.key] = len(ms)
		ms = append(ms, m)
	}
	if _, err := d.Token(); err != nil {
		return nil, fault(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more follows the JSON object")
	}
	return ms, nil
}

// fault is a JSON error without what the file says: there may be secrets.
func fault(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("not valid JSON at byte %d", syntax.Offset)
	}
	return errors.New("not valid JSON")
}

func get(ms []member, key string) json.RawMessage {
	for _, m := range ms {
		if m.key == key {
			return m.value
		}
	}
	return nil
}

// set replaces or, with nil, removes a value behind keys. Objects on the way
// are made.
func set(text []byte, keys []string, value json.RawMessage) ([]byte, error) {
	if len(keys) == 0 {
		return nil, errors.New("no key")
	}
	key := keys[0]
	ms, err := parseObject(text)
	if err != nil {
		return nil, err
	}
	if len(keys) > 1 {
		inner := get(ms, key)
		if inner == nil {
			if value == nil {
				return text, nil
			}
			inner = json.RawMessage("{}")
		}
		if value, err = set(inner, keys[1:], value); err != nil {
			return nil, fmt.Errorf("%q: %w", key, err)
		}
	}
	var to []member
	done := value == nil
	for _, m := range ms {
		switch {
		case m.key != key:
			to = append(to, m)
		case value != nil:
			to, done = append(to, member{m.key, value}), true
		}
	}
	if !done {
		to = append(to, member{key, value})
	}
	return render(to)
}

// render writes an object as Claude Code does.
func render(ms []member) ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range ms {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := encode(m.key)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(m.value)
	}
	b.WriteByte('}')
	var out bytes.Buffer
	if err := json.Indent(&out, b.Bytes(), "", "  "); err != nil {
		return nil, fault(err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// encode is JSON without escapes for HTML, and without a line end.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// canonical is a value as it is compared, shown and taken: keys sorted and
// without doubles, indented.
func canonical(value json.RawMessage) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fault(err)
	}
	text, err := encode(v)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return nil, fault(err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}
