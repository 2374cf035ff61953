package bridge

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
)

// Answer is what comes back.
type Answer struct {
	// Error says why nothing was done.
	Error string `json:"error,omitempty"`
	// Types are those of the image on the clipboard.
	Types []string `json:"types,omitempty"`
	// Window is one of the user's editor. No jail gets it.
	Window *Window `json:"window,omitempty"`
	// Data is an image. It follows the line.
	Data []byte `json:"-"`
}

// Window is where the extension of an editor serves one of its windows.
type Window struct {
	Port  uint16 `json:"port"`
	Token string `json:"token"`
	// Name is that of the editor.
	Name string `json:"name"`
}

// header is the line of an Answer.
type header struct {
	Answer
	Size int `json:"size,omitempty"`
}

// maxAnswer is the longest line of an answer.
const maxAnswer = 4 << 10

// Write writes an answer.
func (a Answer) Write(w io.Writer) error {
	line, err := json.Marshal(header{a, len(a.Data)})
	if err != nil {
		return err
	}
	_, err = w.Write(append(append(line, '\n'), a.Data...))
	return err
}

// ReadAnswer reads what Write wrote.
func ReadAnswer(r io.Reader) (Answer, error) {
	in := bufio.NewReaderSize(r, maxAnswer)
	line, err := in.ReadSlice('\n')
	if err != nil {
		return Answer{}, err
	}
	var h header
	if err := json.Unmarshal(line, &h); err != nil {
		return Answer{}, err
	}
	if h.Size < 0 || h.Size > MaxImage {
		return Answer{}, errors.New("the answer is too large")
	}
	h.Data = make([]byte, h.Size)
	_, err = io.ReadFull(in, h.Data)
	return h.Answer, err
}

// ReadRequest reads the line of a request, and parses it.
func ReadRequest(in *bufio.Reader) (Request, error) {
	line, err := in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return Request{}, errors.New("the request is too long")
	}
	if err != nil {
		return Request{}, err
	}
	return Parse(line)
}
