// Package hello reads the first message of a TLS connection, the ClientHello,
// and says which server the client names in it. It reads and keeps the bytes;
// it changes and decrypts nothing.
//
// The message is parsed as strictly as a server does (RFC 8446, 4.1.2 and 5.1;
// RFC 6066, 3), so that what is read here is what the server will read:
// whatever two parsers could take in two ways is an error.
//
// What does not belong here: whether the name is the right one.
package hello

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Hello is what a ClientHello says of where it goes.
type Hello struct {
	// ServerName is the host name of the server_name extension, byte for
	// byte: nobody has checked that it is one. Empty if there is none.
	ServerName string
	// ECH is whether there may be another ClientHello, encrypted, in this
	// one. Browsers also send an extension of that kind with nothing in it
	// (GREASE, RFC 9849, 6.2), which nobody can tell from a real one.
	ECH bool
}

// ErrNotTLS is returned by Read where the first bytes are not those of a TLS
// record that holds a handshake. SSL 2.0 is not TLS.
var ErrNotTLS = errors.New("not TLS")

// errMalformed is what is wrong with most of what is not a ClientHello.
var errMalformed = errors.New("malformed TLS ClientHello")

const (
	// maxRaw bounds what is read, record headers included.
	maxRaw = 64 << 10
	// maxRecord is the longest content of a record (RFC 8446, 5.1).
	maxRecord = 1 << 14

	recordHandshake = 22
	clientHello     = 1
)

// Read reads a ClientHello, and not a byte more than the records that hold it.
// raw is all that was read, with an error as well. A client that sends only
// part of it is waited for: set a deadline on r.
//
// The error is ErrNotTLS as soon as that is clear; it wraps the error of r if
// that failed, io.EOF if there was no byte at all.
func Read(r io.Reader) (h Hello, raw []byte, err error) {
	b := bounded{r: r}
	msg, err := b.message()
	if err == nil {
		h, err = parse(msg)
	}
	if err != nil {
		return Hello{}, b.raw, err
	}
	return h, b.raw, nil
}

// bounded reads and keeps what it read.
type bounded struct {
	r   io.Reader
	raw []byte
}

// next reads exactly n bytes. They are valid until the next call.
func (b *bounded) next(n int) ([]byte, error) {
	at := len(b.raw)
	if at+n > maxRaw {
		return nil, fmt.Errorf("%w: longer than %d bytes", errMalformed, maxRaw)
	}
	b.raw = append(b.raw, make([]byte, n)...)
	got, err := io.ReadFull(b.r, b.raw[at:])
	b.raw = b.raw[:at+got]
	if err == nil {
		return b.raw[at:], nil
	}
	if errors.Is(err, io.EOF) && at > 0 {
		err = io.ErrUnexpectedEOF
	}
	return nil, fmt.Errorf("read a TLS ClientHello: %w", err)
}

// record reads one record of handshake and returns its content.
func (b *bounded) record() ([]byte, error) {
	// One byte first: a client that speaks something else, and little of it,
	// is told from one that is slow.
	kind, err := b.next(1)
	if err != nil {
		return nil, err
	}
	first := len(b.raw) == 1
	if kind[0] != recordHandshake {
		if first {
			return nil, ErrNotTLS
		}
		return nil, fmt.Errorf("%w: a record of type %d in it", errMalformed, kind[0])
	}
	rest, err := b.next(4)
	if err != nil {
		return nil, err
	}
	if rest[0] != 3 { // SSL 3.0 is 3.0, TLS 1.3 still says 3.1 or 3.3 here
		if first {
			return nil, ErrNotTLS
		}
		return nil, fmt.Errorf("%w: version %d.%d of a record", errMalformed, rest[0], rest[1])
	}
	n := int(binary.BigEndian.Uint16(rest[2:]))
	if n == 0 || n > maxRecord {
		return nil, fmt.Errorf("%w: a record of %d bytes", errMalformed, n)
	}
	return b.next(n)
}

// message reads records until they hold a whole ClientHello, and returns its
// content. A client may cut it into records anywhere. Nothing may follow it in
// the last one: the next word is the server's.
func (b *bounded) message() ([]byte, error) {
	var msg []byte
	for {
		fragment, err := b.record()
		if err != nil {
			return nil, err
		}
		msg = append(msg, fragment...)
		if msg[0] != clientHello {
			return nil, fmt.Errorf("%w: it is handshake message %d", errMalformed, msg[0])
		}
		if len(msg) < 4 {
			continue
		}
		want := 4 + int(msg[1])<<16 + int(msg[2])<<8 + int(msg[3])
		switch {
		case want > maxRaw:
			return nil, fmt.Errorf("%w: longer than %d bytes", errMalformed, maxRaw)
		case len(msg) > want:
			return nil, fmt.Errorf("%w: something follows it", errMalformed)
		case len(msg) == want:
			return msg[4:], nil
		}
	}
}
