package desk

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
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

// xserver listens as display 7 of a host, and answers who has no cookie.
func xserver(t *testing.T, h *host, answer string) {
	t.Helper()
	h.x11 = filepath.Join(t.TempDir(), "X")
	l, err := net.Listen("unix", h.x11+"7")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 12))
			_, _ = c.Write([]byte(answer))
			c.Close()
		}
	}()
}

// TestAuthority: a client that is not to be trusted gets the cookie that xauth made
// for it, and never the caller's own; where everybody is let in, none.
func TestAuthority(t *testing.T) {
	const entry = `\001\000\000\004host\000\0017\000\022MIT-MAGIC-COOKIE-1\000\006cookie`
	const writes = `while [ $# -gt 0 ]; do case $1 in -f|extract) at=$2;; esac; shift; done; printf '` + entry + `' >"$at"`
	env := map[string]string{"DISPLAY": ":7.0"}
	h, said := desktop(t, env, map[string]string{"xauth": writes})
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	xserver(t, &h, "\x00")
	for trusted, want := range map[bool]string{false: "][generate][:7][.][untrusted][timeout][86400]", true: "[-q][extract][*][:7]"} {
		got, err := h.authority(trusted)
		called := said()
		if !bytes.Equal(got, wild([]byte("cookie"))) || err != nil {
			t.Errorf("trusted %v: %q, %v", trusted, got, err)
		}
		begin, end, _ := strings.Cut(want, "*")
		if !strings.HasSuffix(called, end) || trusted && !strings.HasPrefix(called, begin) || !trusted && !strings.HasPrefix(called, "[-q][-f][") {
			t.Errorf("trusted %v: called with %s", trusted, called)
		}
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	// The server lets everybody in: a cookie holds nothing back.
	for _, in := range []string{"\x01", "\x02"} {
		xserver(t, &h, in)
		if got, err := h.authority(false); err == nil || !strings.Contains(err.Error(), "without a cookie") || said() != "" {
			t.Errorf("it answers %q: %q, %v", in, got, err)
		}
		if _, err := h.authority(true); err != nil || said() == "" {
			t.Errorf("it answers %q, and is to trust: %v", in, err)
		}
	}
	// It cannot be asked.
	h.x11 = "/nonexistent/X"
	if got, err := h.authority(false); err == nil || said() != "" {
		t.Errorf("no server: %q, %v", got, err)
	}
}

// TestNoCookie: where xauth makes none there is none, and not the caller's.
func TestNoCookie(t *testing.T) {
	for script, want := range map[string]string{"exit 1": "no SECURITY extension", "": "no such file", `printf x >"$3"`: "no cookie"} {
		h, _ := desktop(t, map[string]string{"DISPLAY": ":7"}, map[string]string{"xauth": script})
		xserver(t, &h, "\x00")
		if got, err := h.authority(false); err == nil || !strings.Contains(err.Error(), want) || len(got) > 0 {
			t.Errorf("%q: %q, %v", script, got, err)
		}
	}
	h, _ := desktop(t, map[string]string{"DISPLAY": ":7"}, nil)
	xserver(t, &h, "\x00")
	if got, err := h.authority(false); err == nil || !strings.Contains(err.Error(), "no xauth") {
		t.Errorf("without xauth: %q, %v", got, err)
	}
	// A client like all others may be let in without one.
	if got, err := h.authority(true); err != nil || got != nil {
		t.Errorf("trusted, without xauth: %q, %v", got, err)
	}
	h, _ = desktop(t, map[string]string{"DISPLAY": ":7"}, map[string]string{"xauth": ""})
	if got, err := h.authority(true); err != nil || got != nil {
		t.Errorf("trusted, without a cookie: %q, %v", got, err)
	}
}
