package broker

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// each runs a test for each version of HTTP of a client by the service's own name and
// of the service, and for a client without TLS.
func each(t *testing.T, answer http.HandlerFunc, test func(t *testing.T, n *named, get func() *http.Response)) {
	t.Helper()
	for _, service := range []int{1, 2} {
		for _, version := range []int{0, 1, 2} {
			t.Run(fmt.Sprintf("HTTP%d from HTTP%d", version, service), func(t *testing.T) {
				var changes []change
				if service == 1 {
					changes = append(changes, http1)
				}
				n := newNamed(t, answer, changes...)
				c, url := http.DefaultClient, "http://"+n.addr
				if version > 0 {
					c, url = n.client(version), "https://example.com"
				}
				test(t, n, func() *http.Response {
					t.Helper()
					r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v1/messages", nil)
					if err != nil {
						t.Fatal(err)
					}
					r.Header.Set("X-Api-Key", n.b.Placeholder())
					resp, err := c.Do(r)
					if err != nil {
						t.Fatal(err)
					}
					return resp
				})
			})
		}
	}
}

// TestLong: a long answer comes whole, with the keys in it overwritten wherever they
// are: across the pieces that are read, and across the buffer's end.
func TestLong(t *testing.T) {
	const size = 3 << 20
	plain := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	answer, want := bytes.Clone(plain), plain
	// Everywhere around what is a border of something.
	for border := piece / 2; border < size; border += piece / 2 {
		at := border - border/(piece/2)%len(key)
		copy(answer[at:], key)
		copy(want[at:], mask(len(key)))
	}
	each(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(answer) }, func(t *testing.T, n *named, get func() *http.Response) {
		resp := get()
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes of %d, the key %d times: %v", len(got), size, bytes.Count(got, []byte(key)), err)
		}
		if e := n.event(); e.Received != size || e.Why != "" {
			t.Errorf("%+v", e)
		}
	})
}

// TestLongStream: what follows a long beginning comes when it is there, and not when
// there is more.
func TestLongStream(t *testing.T) {
	const many = 5
	next := make(chan struct{})
	each(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, short+ahead+1000))
		for i := range many {
			fmt.Fprintf(w, "event %d\n", i)
			_ = http.NewResponseController(w).Flush()
			<-next
		}
	}, func(t *testing.T, _ *named, get func() *http.Response) {
		resp := get()
		defer resp.Body.Close()
		if _, err := io.CopyN(io.Discard, resp.Body, short+ahead+1000); err != nil {
			t.Fatal(err)
		}
		for i := range many {
			line := make([]byte, len("event 0\n"))
			if _, err := io.ReadFull(resp.Body, line); err != nil || string(line) != fmt.Sprintf("event %d\n", i) {
				t.Errorf("%q, %v", line, err)
			}
			next <- struct{}{}
		}
	})
}

// TestLongCutOff: a long answer that breaks off must not look whole, and what came is
// passed on. One that the jail does not want ends at the service.
func TestLongCutOff(t *testing.T) {
	const size = short + ahead + 1000
	each(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, size))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}, func(t *testing.T, n *named, get func() *http.Response) {
		resp := get()
		defer resp.Body.Close()
		if got, err := io.ReadAll(resp.Body); err == nil || len(got) > size {
			t.Errorf("%d bytes: %v", len(got), err)
		}
		if e := n.event(); e.Why == "" {
			t.Errorf("%+v", e)
		}
	})
	ended := make(chan struct{})
	each(t, func(w http.ResponseWriter, _ *http.Request) {
		for b := make([]byte, piece); ; {
			if _, err := w.Write(b); err != nil {
				break
			}
		}
		ended <- struct{}{}
	}, func(t *testing.T, n *named, get func() *http.Response) {
		resp := get()
		if _, err := io.CopyN(io.Discard, resp.Body, size); err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		<-ended
		if e := n.event(); e.Why == "" || strings.Contains(e.Why, key) {
			t.Errorf("%+v", e)
		}
	})
}
