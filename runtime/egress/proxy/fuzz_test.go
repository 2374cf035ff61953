package proxy

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

func FuzzRead(f *testing.F) {
	for _, s := range []string{
		socksTo(socksName5("a.com"), 443),
		socksTo("\x04"+strings.Repeat("\x00", 15)+"\x01", 443),
		"CONNECT [fd00::1]:443 HTTP/1.1\r\nHost: a\r\n\r\nearly",
		"GET http://a.com:81/x?y HTTP/1.1\r\nHost: a.com:81\r\nConnection: X\r\nX: 1\r\nProxy-Y: 2\r\n\r\nbody",
		"POST http://a.com HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"OPTIONS http://a.com HTTP/1.1\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		rest := bytes.NewReader(in)
		w := &wire{in: rest}
		r, err := Read(w)
		if len(in)-rest.Len() > maxHead {
			t.Fatalf("%d bytes were read", len(in)-rest.Len())
		}
		if err != nil {
			if r != nil {
				t.Errorf("%+v with %v", r, err)
			}
			return
		}
		if r.Port == 0 || r.Host == "" || strings.ContainsAny(r.Host, "\x00\r\n \t/@%[]") {
			t.Errorf("target %q %d", r.Host, r.Port)
		}
		if r.proto != plain {
			if !bytes.HasSuffix(in[:len(in)-rest.Len()], r.Raw) {
				t.Errorf("early bytes %q", r.Raw)
			}
			return
		}
		// What the target gets is one request, for the host that was asked
		// for, as Go's server reads it.
		b := bufio.NewReader(bytes.NewReader(r.Raw))
		q, err := http.ReadRequest(b)
		if err != nil {
			if strings.Contains(err.Error(), "Transfer-Encoding") || strings.Contains(err.Error(), "transfer encoding") || strings.Contains(err.Error(), "Content-Length") {
				return // of a value that is nothing, which is the target's to refuse
			}
			if _, path, _ := bytes.Cut(r.Raw, []byte(" ")); bytes.ContainsAny(path[:bytes.IndexByte(path, ' ')], "%") || strings.Contains(err.Error(), "parse") {
				return // a path with a bad escape, likewise
			}
			t.Fatalf("%v: %q", err, r.Raw)
		}
		if q.Host != r.authority() || q.URL.Host != "" || !q.Close {
			t.Errorf("host %q, URL %v, close %v; asked for %s: %q", q.Host, q.URL, q.Close, r.authority(), r.Raw)
		}
		for name := range q.Header {
			if strings.HasPrefix(strings.ToLower(name), "proxy-") || strings.EqualFold(name, "Upgrade") {
				t.Errorf("header %s is passed on", name)
			}
		}
		_, _ = io.Copy(io.Discard, q.Body)
	})
}
