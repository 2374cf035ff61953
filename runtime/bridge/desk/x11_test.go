package desk

import (
	"bytes"
	"net"
	"path/filepath"
	"testing"
)

// TestCookie: of what xauth writes the cookie alone is passed on, for any display.
func TestCookie(t *testing.T) {
	entry := func(kind, data string) []byte {
		var b []byte
		for _, f := range []string{"the host's name", "7", kind, data} {
			b = append(append(b, 0, byte(len(f))), f...)
		}
		return append([]byte{1, 0}, b...)
	}
	for name, c := range map[string]struct{ text, want []byte }{
		"one":          {entry(magic, "0123456789abcdef"), []byte("0123456789abcdef")},
		"after others": {append(entry("XDM-AUTHORIZATION-1", "x"), entry(magic, "c")...), []byte("c")},
		"none":         {entry("XDM-AUTHORIZATION-1", "x"), nil},
		"empty":        {nil, nil},
		"half":         {entry(magic, "0123456789abcdef")[:30], nil},
	} {
		got, err := cookieOf(c.text)
		if !bytes.Equal(got, c.want) || (err == nil) != (c.want != nil) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	w := wild([]byte("cookie"))
	if got, err := cookieOf(w); err != nil || string(got) != "cookie" || bytes.Contains(w, []byte("host")) {
		t.Errorf("%q, %v", w, err)
	}
}

// TestLetsIn: what a server answers to a client without a cookie.
func TestLetsIn(t *testing.T) {
	for answer, want := range map[string]bool{"\x00": false, "\x01": true, "\x02": true} {
		at := filepath.Join(t.TempDir(), "X")
		l, err := net.Listen("unix", at)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			if c, err := l.Accept(); err == nil {
				_, _ = c.Read(make([]byte, 12))
				_, _ = c.Write([]byte(answer))
				c.Close()
			}
		}()
		if in, err := letsIn(at); err != nil || in != want {
			t.Errorf("%q: %v, %v", answer, in, err)
		}
		l.Close()
	}
	if _, err := letsIn("/nonexistent"); err == nil {
		t.Error("there is none")
	}
}
