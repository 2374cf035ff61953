package session

import (
	"bytes"
	"fmt"
	"strings"
)

// UsualKeys detach where nothing else is said, as docker's do.
const UsualKeys = "ctrl-p,ctrl-q"

// keys is a sequence of keys that detaches.
type keys struct {
	// want are the ways in which a terminal sends each key.
	want [][][]byte
	// held are those that came, and are no input before it is clear that they are.
	held []byte
	at   int
}

// parseKeys reads "ctrl-p,ctrl-q": characters, and letters or @ [ \ ] ^ _ with
// ctrl. "none" is a sequence that never comes.
func parseKeys(text string) (*keys, error) {
	k := new(keys)
	if text == "none" {
		return k, nil
	}
	for name := range strings.SplitSeq(text, ",") {
		letter, ctrl := strings.CutPrefix(strings.ToLower(name), "ctrl-")
		if len(letter) != 1 || letter[0] <= ' ' || letter[0] >= 0x7f || ctrl && (letter[0] < '@' || letter[0] > '_') && (letter[0] < 'a' || letter[0] > 'z') {
			return nil, fmt.Errorf("detach keys: %q is no key: write a character, or ctrl- and a letter", name)
		}
		c := letter[0]
		ways := [][]byte{{c}}
		if ctrl {
			// Programs have terminals send it in other ways: kitty's keyboard protocol
			// and xterm's.
			ways = [][]byte{{c & 0x1f}, fmt.Appendf(nil, "\x1b[%d;5u", c), fmt.Appendf(nil, "\x1b[%d;5:1u", c), fmt.Appendf(nil, "\x1b[27;5;%d~", c)}
		}
		k.want = append(k.want, ways)
	}
	return k, nil
}

// take returns what of p is input, and whether the keys have come.
func (k *keys) take(p []byte) (input []byte, detach bool) {
	if len(k.want) == 0 {
		return p, false
	}
	for len(p) > 0 {
		n := 0
		for _, way := range k.want[k.at] {
			if bytes.HasPrefix(p, way) {
				n = len(way)
			}
		}
		if n == 0 {
			if k.at > 0 { // it may be the first one again
				input = append(input, k.held...)
				k.at, k.held = 0, nil
				continue
			}
			input = append(input, p[0])
			p = p[1:]
			continue
		}
		k.held = append(k.held, p[:n]...)
		p = p[n:]
		if k.at++; k.at == len(k.want) {
			k.at, k.held = 0, nil
			return input, true
		}
	}
	return input, false
}
