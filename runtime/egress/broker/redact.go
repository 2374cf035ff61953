package broker

import (
	"bytes"
	"net/http"
	"strings"
)

// redactor overwrites secrets in a stream, with text of the same length, so
// that every length that was announced stays right.
type redactor struct {
	secrets [][]byte
	longest int // of them
	// held is the end of what came, which may be the beginning of a secret.
	held, seam []byte
}

func newRedactor(secrets []string) *redactor {
	r := new(redactor)
	for _, s := range secrets {
		r.secrets, r.longest = append(r.secrets, []byte(s)), max(r.longest, len(s))
	}
	return r
}

// idle: there is nothing to overwrite.
func (r *redactor) idle() bool { return len(r.secrets) == 0 }

const redacted = "[redacted]"

// mask is as long as a secret is.
func mask(n int) string {
	if n < len(redacted) {
		return strings.Repeat("*", n)
	}
	return redacted + strings.Repeat("*", n-len(redacted))
}

// feed takes what came, and overwrites secrets there. It returns what can be
// passed on, first one and then the other: all but an end that is the beginning of
// a secret. Both are valid until the next call, and as long as p.
func (r *redactor) feed(p []byte) (before, now []byte) {
	if r.idle() {
		return nil, p
	}
	if len(r.held) > 0 {
		// What begins in what was held back ends in so much of p.
		n := min(len(p), r.longest-1)
		r.seam = append(append(r.seam[:0], r.held...), p[:n]...)
		if n == len(p) { // it may end later still
			now = r.seam
		} else {
			r.overwrite(r.seam)
			before = r.seam[:len(r.held)]
			copy(p, r.seam[len(r.held):])
		}
	}
	if now == nil {
		now = p
	}
	r.overwrite(now)
	n := r.tail(now)
	now, r.held = now[:len(now)-n], append(r.held[:0], now[len(now)-n:]...)
	return before, now
}

// rest is what was held back when the stream has ended.
func (r *redactor) rest() []byte {
	rest := r.held
	r.held = nil
	return rest
}

func (r *redactor) overwrite(text []byte) {
	for _, s := range r.secrets {
		for at := text; ; {
			i := bytes.Index(at, s)
			if i < 0 {
				break
			}
			copy(at[i:], mask(len(s)))
			at = at[i+len(s):]
		}
	}
}

// tail is the length of the longest end of text that is a proper beginning of
// a secret.
func (r *redactor) tail(text []byte) int {
	longest := 0
	for _, s := range r.secrets {
		for n := min(len(s)-1, len(text)); n > longest; n-- {
			if bytes.HasPrefix(s, text[len(text)-n:]) {
				longest = n
			}
		}
	}
	return longest
}

// text is s without secrets.
func (r *redactor) text(s string) string {
	b := []byte(s)
	r.overwrite(b)
	return string(b)
}

// header is h without secrets; a header that has one in its name is left out.
func (r *redactor) header(h http.Header) http.Header {
	out := http.Header{}
	for name, values := range h {
		if r.names(name) {
			continue
		}
		for _, v := range values {
			out[name] = append(out[name], r.text(v))
		}
	}
	return out
}

// names: a header's name has a secret, in whatever case.
func (r *redactor) names(name string) bool {
	for _, s := range r.secrets {
		if bytes.Contains(bytes.ToLower([]byte(name)), bytes.ToLower(s)) {
			return true
		}
	}
	return false
}
