package viewers

import (
	"bytes"

	"github.com/jailed-claude/jailed-claude/runtime/terminal"
)

// maxTail is how much output is kept, to be shown to who comes.
const maxTail = 192 << 10

// tail is the end of what was shown. Each piece of it begins where a terminal is in
// its ground state.
type tail struct {
	text []byte
	// cut: it is not all that there was.
	cut bool
	// pieces are where those in text begin.
	pieces []int
}

func (t *tail) add(p []byte) {
	t.pieces = append(t.pieces, len(t.text))
	t.text = append(t.text, p...)
	if len(t.text) <= 2*maxTail {
		return
	}
	from := len(t.text)
	for i := len(t.pieces) - 1; i >= 0 && len(t.text)-t.pieces[i] <= maxTail; i-- {
		from = t.pieces[i]
	}
	t.cut = true
	t.text = append([]byte(nil), t.text[from:]...)
	t.pieces = nil
}

// again is what shows it once more, on another terminal. modes are those that the
// program has switched on in the meantime.
func (t *tail) again(modes []byte, o terminal.Options) []byte {
	var shown bytes.Buffer
	o.Mute = true
	f := terminal.NewFilter(&shown, o)
	if t.cut {
		_, _ = f.Write(modes)
	}
	_, _ = f.Write(t.text)
	return shown.Bytes()
}
