package session

import (
	"encoding/binary"
	"errors"
	"io"
)

// Kind of a frame on a connection that AskAttach took.
type Kind byte

// From the supervisor.
const (
	// Output is for the terminal.
	Output Kind = 'o'
	// Paused: the agent has stopped, as a job does; Continue lets it go on.
	Paused Kind = 's'
	// Report is text for people, about the jail that has ended.
	Report Kind = 'r'
	// Ended comes last, with the exit status in a byte.
	Ended Kind = 'e'
)

// To the supervisor.
const (
	// Input is what was typed.
	Input Kind = 'i'
	// Resize has width and height, two bytes each.
	Resize Kind = 'z'
	// Continue lets a stopped agent go on.
	Continue Kind = 'c'
	// Detach hangs up when all output so far has come.
	Detach Kind = 'd'
)

// maxFrame is the longest payload.
const maxFrame = 64 << 10

// header of a frame: its kind and the length of its payload.
const header = 5

// AppendFrames appends a payload as frames.
func AppendFrames(to []byte, k Kind, payload []byte) []byte {
	for {
		n := min(len(payload), maxFrame)
		to = append(to, byte(k))
		to = binary.BigEndian.AppendUint32(to, uint32(n))
		to = append(to, payload[:n]...)
		if payload = payload[n:]; len(payload) == 0 {
			return to
		}
	}
}

// ReadFrame reads the next frame.
func ReadFrame(r io.Reader) (Kind, []byte, error) {
	var head [header]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxFrame {
		return 0, nil, errors.New("attach: a frame is too long")
	}
	payload := make([]byte, n)
	_, err := io.ReadFull(r, payload)
	return Kind(head[0]), payload, err
}

// AppendSize appends a size as Resize has it, and ParseSize reads one.
func AppendSize(to []byte, width, height uint16) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(to, width), height)
}

// ParseSize reads what AppendSize wrote.
func ParseSize(p []byte) (width, height uint16, ok bool) {
	if len(p) != 4 {
		return 0, 0, false
	}
	return binary.BigEndian.Uint16(p), binary.BigEndian.Uint16(p[2:]), true
}
