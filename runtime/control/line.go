package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Bounds of one request or answer: its line, which may be the arguments and the
// environment of a program, and the descriptors with it.
const (
	maxLine  = 4 << 20
	maxFiles = 8
)

// request is a line to the supervisor, reply one from it.
type (
	request struct {
		Do   string          `json:"do"`
		Args json.RawMessage `json:"args,omitempty"`
	}
	reply struct {
		Answer json.RawMessage `json:"answer,omitempty"`
		Error  string          `json:"error,omitempty"`
		Hints  []string        `json:"hints,omitempty"`
	}
)

var errMalformed = errors.New("control channel: a line is too long, has too many descriptors, or more behind it")

// strict decodes JSON that has nothing unknown in it and nothing behind it.
func strict(text []byte, v any) error {
	if len(text) == 0 {
		text = []byte("{}")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errMalformed
	}
	return nil
}

// send writes a line, with descriptors.
func send(c *net.UnixConn, v any, files []*os.File) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		n, _, err := c.WriteMsgUnix(text, unix.UnixRights(fds...), nil)
		if err != nil {
			return err
		}
		text = text[n:]
	}
	_, err = c.Write(text)
	return err
}

// receiver reads lines from a connection. Nobody sends a second one before the
// answer to the first, so that nothing is ever behind a request. What a handler
// sends that took the connection may be behind an answer, and is kept.
type receiver struct {
	conn *net.UnixConn
	keep bool
	rest []byte
}

// line returns the next line, without its end, and the descriptors that came with
// it, which are the caller's to close.
func (r *receiver) line() (line []byte, files []*os.File, err error) {
	defer func() {
		if err != nil {
			closeAll(files)
			files = nil
		}
	}()
	buf, oob := make([]byte, 16<<10), make([]byte, unix.CmsgSpace(4*(maxFiles+1)))
	for {
		n, oobn, flags, _, err := r.conn.ReadMsgUnix(buf, oob)
		got, bad := received(oob[:max(oobn, 0)])
		files = append(files, got...)
		switch {
		case err != nil:
			return nil, files, err
		case bad != nil:
			return nil, files, bad
		case n == 0:
			return nil, files, io.EOF
		case flags&unix.MSG_CTRUNC != 0 || len(files) > maxFiles || len(line)+n > maxLine:
			return nil, files, errMalformed
		}
		line = append(line, buf[:n]...)
		if i := bytes.IndexByte(buf[:n], '\n'); i >= 0 {
			if i != n-1 && !r.keep {
				return nil, files, errMalformed
			}
			r.rest = append(r.rest, buf[i+1:n]...)
			return line[:len(line)-(n-i)], files, nil
		}
	}
}

// received are the descriptors of a message.
func received(oob []byte) (files []*os.File, err error) {
	cmsgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, errMalformed
	}
	for i := range cmsgs {
		fds, err := unix.ParseUnixRights(&cmsgs[i])
		if err != nil {
			return files, errMalformed
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
