// Package wire writes a configuration, and what crosses beside it, for another
// process of this program, and reads it there. Package json looks at every type
// that it could meet before it reads the first byte, and specs.Spec leads to
// those of all systems; then it takes microseconds for each mount.
//
// What does not belong here: what is read by another version of this program, or
// by anybody else. That is JSON.
package wire

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
)

// Codec writes values, or reads them in the same order: one function describes a
// format for both ways. The zero value writes.
type Codec struct {
	reading bool
	// bytes are written at their end. While reading they are what was written,
	// and text the same.
	bytes []byte
	text  string
	at    int
	// damaged: what is read was not written by the same program.
	damaged bool
}

// Writer returns a Codec that writes, about so many bytes.
func Writer(size int) *Codec { return &Codec{bytes: make([]byte, 0, size)} }

// Reader returns a Codec that reads into empty values.
func Reader(text []byte) *Codec { return &Codec{reading: true, bytes: text, text: string(text)} }

// Bytes are those that were written. Equal values give equal bytes and others
// give others; of lists nil and an empty one are equal.
func (c *Codec) Bytes() []byte { return c.bytes }

// ErrDamaged says that something else was read than was written, or not all.
var ErrDamaged = errors.New("damaged")

// End is to be called when everything has been read.
func (c *Codec) End() error {
	if c.damaged || c.at < len(c.bytes) {
		return ErrDamaged
	}
	return nil
}

func (c *Codec) number(n uint64) uint64 {
	if !c.reading {
		c.bytes = binary.AppendUvarint(c.bytes, n)
		return n
	}
	n, size := binary.Uvarint(c.bytes[c.at:])
	if size <= 0 {
		c.fail()
		return 0
	}
	c.at += size
	return n
}

// fail makes everything that is still to be read empty.
func (c *Codec) fail() {
	c.damaged = true
	c.at = len(c.bytes)
}

// length is a number of things that are each a byte or more.
func (c *Codec) length(n int) int {
	n = int(c.number(uint64(n)))
	if c.reading && (n < 0 || n > len(c.bytes)-c.at) {
		c.fail()
		return 0
	}
	return n
}

// Integer is a number.
func Integer[T ~int | ~int64 | ~uint | ~uint32 | ~uint64](c *Codec, n *T) {
	*n = T(c.number(uint64(*n)))
}

// Flag is a truth.
func Flag(c *Codec, b *bool) {
	n := uint64(0)
	if *b {
		n = 1
	}
	*b = c.number(n) == 1
}

// String is text of any bytes.
func String[T ~string](c *Codec, s *T) {
	n := c.length(len(*s))
	if !c.reading {
		c.bytes = append(c.bytes, *s...)
		return
	}
	*s = T(c.text[c.at : c.at+n])
	c.at += n
}

// Octets are bytes; none are read as nil.
func Octets(c *Codec, b *[]byte) {
	s := string(*b)
	if String(c, &s); c.reading && s != "" {
		*b = []byte(s)
	}
}

// List is a slice of what one describes; one without elements is read as nil.
func List[T any](c *Codec, l *[]T, one func(*Codec, *T)) {
	n := c.length(len(*l))
	if c.reading && n > 0 {
		*l = make([]T, n)
	}
	for i := range *l {
		one(c, &(*l)[i])
	}
}

// Strings are a slice of them.
func Strings[T ~string](c *Codec, l *[]T) { List(c, l, String[T]) }

// Pointer is nil, or leads to what one describes.
func Pointer[T any](c *Codec, p **T, one func(*Codec, *T)) {
	there := *p != nil
	if Flag(c, &there); !there {
		return
	}
	if c.reading {
		*p = new(T)
	}
	one(c, *p)
}

// Map is a map, in the order of its keys; one without any is read as nil.
func Map(c *Codec, m *map[string]string) {
	keys := slices.Sorted(maps.Keys(*m))
	Strings(c, &keys)
	if c.reading && len(keys) > 0 {
		*m = make(map[string]string, len(keys))
	}
	for _, k := range keys {
		v := (*m)[k]
		String(c, &v)
		(*m)[k] = v
	}
}
