package hello

import (
	"encoding/binary"
	"fmt"
)

// Extensions (IANA, TLS ExtensionType Values).
const (
	extServerName = 0
	// encrypted_client_hello, the drafts before it that had another format,
	// and encrypted_server_name before those.
	extECH      = 0xfe0d
	extECHDraft = 0xfe08
	extESNI     = 0xffce
)

// nameHost is the only type of server name (RFC 6066, 3).
const nameHost = 0

// vector takes pieces off the front of what it holds. When it has too little,
// failed is set, and all it gives from then on is empty.
type vector struct {
	left   []byte
	failed bool
}

func (v *vector) take(n int) []byte {
	if v.failed || n > len(v.left) {
		v.failed, v.left = true, nil
		return nil
	}
	taken := v.left[:n]
	v.left = v.left[n:]
	return taken
}

func (v *vector) uint8() int {
	if b := v.take(1); b != nil {
		return int(b[0])
	}
	return 0
}

func (v *vector) uint16() int {
	if b := v.take(2); b != nil {
		return int(binary.BigEndian.Uint16(b))
	}
	return 0
}

// parse reads the content of a ClientHello (RFC 8446, 4.1.2).
func parse(msg []byte) (Hello, error) {
	v := vector{left: msg}
	version := v.uint16()
	v.take(32) // random
	session := v.take(v.uint8())
	suites := v.take(v.uint16())
	compression := v.take(v.uint8())
	switch {
	case v.failed:
		return Hello{}, fmt.Errorf("%w: too short", errMalformed)
	case version>>8 != 3:
		return Hello{}, fmt.Errorf("%w: version %d.%d", errMalformed, version>>8, version&0xff)
	case len(session) > 32, len(suites) == 0, len(suites)%2 != 0, len(compression) == 0:
		return Hello{}, fmt.Errorf("%w: a list in it is too long, empty or odd", errMalformed)
	case len(v.left) == 0: // before TLS 1.2 there need be none
		return Hello{}, nil
	}
	extensions := vector{left: v.take(v.uint16())}
	if v.failed || len(v.left) > 0 {
		return Hello{}, fmt.Errorf("%w: its extensions do not end where it ends", errMalformed)
	}
	return parseExtensions(extensions)
}

func parseExtensions(v vector) (Hello, error) {
	var h Hello
	seen := map[int]bool{}
	for len(v.left) > 0 {
		kind := v.uint16()
		data := v.take(v.uint16())
		if v.failed {
			return h, fmt.Errorf("%w: an extension is cut off", errMalformed)
		}
		if seen[kind] { // RFC 8446, 4.2
			return h, fmt.Errorf("%w: extension %d is there twice", errMalformed, kind)
		}
		seen[kind] = true
		switch {
		case kind == extServerName:
			name, err := parseServerName(vector{left: data})
			if err != nil {
				return h, err
			}
			h.ServerName = name
		case extECHDraft <= kind && kind <= extECH, kind == extESNI:
			h.ECH = true
		}
	}
	return h, nil
}

// parseServerName reads a ServerNameList of one host name: more of a type must
// not be there, and there is no other type.
func parseServerName(v vector) (string, error) {
	list := vector{left: v.take(v.uint16())}
	kind := list.uint8()
	name := list.take(list.uint16())
	if v.failed || list.failed || len(v.left) > 0 || len(list.left) > 0 || kind != nameHost || len(name) == 0 {
		return "", fmt.Errorf("%w: the server name is not one host name", errMalformed)
	}
	return string(name), nil
}
