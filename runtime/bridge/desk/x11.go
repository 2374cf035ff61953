package desk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// magic is the only kind of authorization that is passed on.
const magic = "MIT-MAGIC-COOKIE-1"

// cookieTime is how many seconds the server keeps an untrusted cookie that no
// client uses.
const cookieTime = "86400"

// authority is the content of a file of xauth(1) for the caller's X server: with a
// cookie for clients that it does not trust, or with the caller's own.
func (h host) authority(trusted bool) ([]byte, error) {
	display, _, _ := strings.Cut(h.getenv("DISPLAY"), ".")
	if !trusted {
		in, err := letsIn(h.x11 + strings.TrimPrefix(display, ":"))
		switch {
		case err != nil:
			return nil, fmt.Errorf("the X server: %w", err)
		case in:
			return nil, errors.New(`this X server lets in every program of yours without a cookie (xhost shows it), so it would trust the jail as well: take that away with xhost, or write bridges.display = "x11-trusted"`)
		}
	}
	xauth, err := h.look("xauth")
	if err != nil && trusted {
		return nil, nil // it may let in the user
	}
	if err != nil {
		return nil, errors.New("there is no xauth")
	}
	dir, err := os.MkdirTemp("", "jailed-claude-x11-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "xauth")
	if trusted {
		_, err = run(xauth, 64<<10, "-q", "extract", file, display)
	} else if _, err = run(xauth, 64<<10, "-q", "-f", file, "generate", display, ".", "untrusted", "timeout", cookieTime); err != nil {
		err = errors.New("this X server makes no cookie for clients that it does not trust: it has no SECURITY extension (Xwayland has none)")
	}
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) && trusted {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	cookie, err := cookieOf(text)
	if err != nil {
		return nil, err
	}
	return wild(cookie), nil
}

// wild is an entry for every display: that of a jail has another number, on a host
// of another name (Xau.h, FamilyWild).
func wild(cookie []byte) []byte {
	entry := []byte{0xff, 0xff}
	for _, field := range [][]byte{nil, nil, []byte(magic), cookie} {
		entry = append(binary.BigEndian.AppendUint16(entry, uint16(len(field))), field...)
	}
	return entry
}

// cookieOf is the first one in the content of a file of xauth: entries of a family
// and four fields, each after its length.
func cookieOf(text []byte) ([]byte, error) {
	for len(text) > 2 {
		text = text[2:]
		var fields [4][]byte
		for i := range fields {
			if len(text) < 2 {
				return nil, errors.New("xauth wrote half an entry")
			}
			n := int(binary.BigEndian.Uint16(text))
			if text = text[2:]; len(text) < n {
				return nil, errors.New("xauth wrote half an entry")
			}
			fields[i], text = text[:n], text[n:]
		}
		if string(fields[2]) == magic {
			return fields[3], nil
		}
	}
	return nil, errors.New("xauth knows no cookie of this display")
}

// letsIn reports whether an X server takes a client without any authorization (X11
// protocol, 8, "Connection Setup").
func letsIn(socket string) (bool, error) {
	c, err := net.DialTimeout("unix", socket, readTime)
	if err != nil {
		return false, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(readTime))
	if _, err := c.Write([]byte{'l', 0, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		return false, err
	}
	var status [1]byte
	if _, err := io.ReadFull(c, status[:]); err != nil {
		return false, err
	}
	return status[0] != 0, nil
}
