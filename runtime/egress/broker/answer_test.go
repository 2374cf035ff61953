package broker

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// both runs a test against a service of HTTP/1.1 and one of HTTP/2.
func both(t *testing.T, test func(t *testing.T, changes ...change)) {
	t.Helper()
	t.Run("HTTP1", func(t *testing.T) { test(t, http1) })
	t.Run("HTTP2", func(t *testing.T) { test(t) })
}

func TestEcho(t *testing.T) {
	both(t, func(t *testing.T, changes ...change) {
		l := newLab(t, func(w http.ResponseWriter, r *http.Request) {
			sent := r.Header.Get("Authorization")
			_, encoded, _ := strings.Cut(sent, " ")
			w.Header().Set("Trailer", "X-Trailer")
			w.Header().Set("X-Echo", "you sent "+sent)
			w.Header().Set("X-"+key, "a name")
			w.Header().Add("Set-Cookie", "session=made-with-the-key")
			w.Header().Set("Www-Authenticate", "Bearer "+key)
			w.WriteHeader(http.StatusUnauthorized)
			for i := range len(key) + 1 { // cut at every place
				_, _ = io.WriteString(w, "<"+key[:i])
				_ = http.NewResponseController(w).Flush()
				_, _ = io.WriteString(w, key[i:]+"|"+encoded+">")
				_ = http.NewResponseController(w).Flush()
			}
			_, _ = io.WriteString(w, key[:10])
			w.Header().Set("X-Trailer", "t "+key)
		}, append(changes, generic)...)
		basic := base64.StdEncoding.EncodeToString([]byte("git:" + l.b.Placeholder()))
		resp, body := l.do("GET", "/", "", "Authorization", "Basic "+basic)
		encoded := base64.StdEncoding.EncodeToString([]byte("git:" + key))
		clean(t, "the answer", resp.Header, resp.Trailer, body)
		if strings.Contains(fmt.Sprint(resp.Header, resp.Trailer, body), encoded) {
			t.Error("the encoded key is in the answer")
		}
		one := "<" + mask(len(key)) + "|" + mask(len(encoded)) + ">"
		if want := strings.Repeat(one, len(key)+1) + key[:10]; body != want {
			t.Errorf("%d bytes, want %d:\n%s", len(body), len(want), body)
		}
		if resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("X-Echo") != "you sent Basic "+mask(len(encoded)) || resp.Trailer.Get("X-Trailer") != "t "+mask(len(key)) {
			t.Errorf("%s %v %v", resp.Status, resp.Header, resp.Trailer)
		}
		if resp.Header.Get("Set-Cookie") != "" {
			t.Error("a cookie came in")
		}
	})
}

// TestLength: an announced length stays, so that clients see an answer that
// was cut off.
func TestLength(t *testing.T) {
	l := newLab(t, func(w http.ResponseWriter, r *http.Request) {
		body := "key=" + r.Header.Get("X-Api-Key")
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		_, _ = io.WriteString(w, body)
	})
	for _, method := range []string{"GET", "HEAD"} {
		resp, body := l.do(method, "/v1/messages", "", "X-Api-Key", l.b.Placeholder())
		if resp.ContentLength != int64(4+len(key)) || method == http.MethodGet && body != "key="+mask(len(key)) {
			t.Errorf("%s: %d, %q", method, resp.ContentLength, body)
		}
	}
}

// TestStream: each side sends the next piece only when the other has got the
// last one, so a buffer anywhere would stop it.
func TestStream(t *testing.T) {
	both(t, func(t *testing.T, changes ...change) {
		const pieces = 20
		next := make(chan struct{})
		l := newLab(t, func(w http.ResponseWriter, r *http.Request) {
			in := bufio.NewReader(r.Body)
			for i := range pieces {
				if line, err := in.ReadString('\n'); line != fmt.Sprintf("piece %d\n", i) {
					t.Errorf("piece %d: %q, %v", i, line, err)
				}
				next <- struct{}{}
			}
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range pieces {
				fmt.Fprintf(w, "event: s\ndata: %d\n\n", i)
				_ = http.NewResponseController(w).Flush()
				<-next
			}
		}, changes...)
		pr, pw := io.Pipe()
		go func() {
			for i := range pieces {
				fmt.Fprintf(pw, "piece %d\n", i)
				<-next
			}
			pw.Close()
		}()
		r, err := http.NewRequest(http.MethodPost, "http://"+l.addr+"/v1/messages", pr)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Api-Key", l.b.Placeholder())
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		in := bufio.NewReader(resp.Body)
		for i := range pieces {
			var event string
			for range 3 {
				line, err := in.ReadString('\n')
				if err != nil {
					t.Fatal(err)
				}
				event += line
			}
			if event != fmt.Sprintf("event: s\ndata: %d\n\n", i) {
				t.Errorf("%d: %q", i, event)
			}
			next <- struct{}{}
		}
		if resp.Header.Get("Content-Type") != "text/event-stream" {
			t.Error(resp.Header)
		}
	})
}

// TestDuplex: an answer can begin while the request's body is still being sent.
func TestDuplex(t *testing.T) {
	both(t, func(t *testing.T, changes ...change) {
		l := newLab(t, func(w http.ResponseWriter, r *http.Request) {
			c := http.NewResponseController(w)
			_ = c.EnableFullDuplex() // HTTP/2 needs no asking
			for in := bufio.NewReader(r.Body); ; {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				_, _ = io.WriteString(w, "you said "+line)
				_ = c.Flush()
			}
		}, changes...)
		pr, pw := io.Pipe()
		r, err := http.NewRequest(http.MethodPost, "http://"+l.addr+"/v1/messages", pr)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Api-Key", l.b.Placeholder())
		go func() { _, _ = io.WriteString(pw, "hello 0\n") }()
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		in := bufio.NewReader(resp.Body)
		for i := range 3 {
			if line, err := in.ReadString('\n'); err != nil || line != fmt.Sprintf("you said hello %d\n", i) {
				t.Fatalf("%d: %q, %v", i, line, err)
			}
			if _, err := fmt.Fprintf(pw, "hello %d\n", i+1); err != nil {
				t.Fatal(err)
			}
		}
		pw.Close()
		if rest, err := io.ReadAll(in); err != nil || string(rest) != "you said hello 3\n" {
			t.Errorf("%q, %v", rest, err)
		}
	})
}

func TestRedirectPasses(t *testing.T) {
	l := newLab(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "https://evil.com/")
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	resp, _ := l.do("POST", "/v1/messages", "x", "X-Api-Key", l.b.Placeholder())
	if resp.StatusCode != http.StatusTemporaryRedirect || resp.Header.Get("Location") != "https://evil.com/" || len(l.got) != 1 || len(l.dialled) != 1 {
		t.Errorf("%s, %d requests to %q", resp.Status, len(l.got), l.dialled)
	}
}

// TestCancel: when the jail goes away, the service notices.
func TestCancel(t *testing.T) {
	both(t, func(t *testing.T, changes ...change) {
		gone, there := make(chan struct{}), make(chan struct{})
		l := newLab(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			close(there)
			<-r.Context().Done()
			close(gone)
		}, changes...)
		ctx, cancel := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+l.addr+"/v1/messages", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Api-Key", l.b.Placeholder())
		go func() { <-there; cancel() }()
		if resp, err := http.DefaultTransport.RoundTrip(r); err == nil {
			resp.Body.Close()
			t.Error("an answer")
		}
		<-gone
		l.event()
	})
}

// TestCutOff: an answer that breaks off must not look whole.
func TestCutOff(t *testing.T) {
	both(t, func(t *testing.T, changes ...change) {
		l := newLab(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, changes...)
		answer := l.raw("GET /v1/messages HTTP/1.1\r\nHost: x\r\nX-Api-Key: " + l.b.Placeholder() + "\r\n\r\n")
		if !strings.Contains(answer, "half") || strings.HasSuffix(answer, "0\r\n\r\n") {
			t.Errorf("%q", answer)
		}
		if e := l.event(); e.Why == "" || e.Received != 4 {
			t.Errorf("%+v", e)
		}
	})
}

func TestEncodedAnswer(t *testing.T) {
	l := newLab(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, "pretend this is gzip")
	})
	resp, body := l.do("GET", "/v1/messages", "", "X-Api-Key", l.b.Placeholder())
	if resp.StatusCode != http.StatusBadGateway || !strings.Contains(body, "encoded (gzip)") {
		t.Errorf("%s %s", resp.Status, body)
	}
	if resp, _ := l.do("HEAD", "/v1/messages", "", "X-Api-Key", l.b.Placeholder()); resp.StatusCode != http.StatusOK {
		t.Errorf("HEAD: %s", resp.Status)
	}
}

// TestUnreachable: what the jail is told names no address of the host's, the
// log does, and neither has the key.
func TestUnreachable(t *testing.T) {
	l := newLab(t, nil, func(_ *network.Broker, o *Options, _ *httptest.Server) {
		o.Dial = func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("10.1.2.3 is private, and " + key)
		}
	})
	resp, body := l.do("POST", "/v1/messages", "x", "X-Api-Key", l.b.Placeholder())
	if resp.StatusCode != http.StatusBadGateway || !strings.Contains(body, "example.com cannot be reached") || strings.Contains(body, "10.1.2.3") {
		t.Errorf("%s %s", resp.Status, body)
	}
	e := l.event()
	if e.Status != http.StatusBadGateway || !strings.Contains(e.Why, "10.1.2.3") {
		t.Errorf("%+v", e)
	}
	clean(t, "the log", l.events)
	clean(t, "the answer", body)
}

// TestCertificate: a service that is not who it says gets nothing.
func TestCertificate(t *testing.T) {
	other := httptest.NewTLSServer(nil)
	defer other.Close()
	for name, c := range map[string]change{
		"another name": func(b *network.Broker, _ *Options, _ *httptest.Server) { b.Upstream = "https://api.example.net" },
		"system roots": func(_ *network.Broker, o *Options, _ *httptest.Server) { o.Roots = NewRoots([]byte(rootX1)) },
	} {
		l := newLab(t, nil, c)
		resp, body := l.do("POST", "/v1/messages", "x", "X-Api-Key", l.b.Placeholder())
		if resp.StatusCode != http.StatusBadGateway || !strings.Contains(body, "certificate") || len(l.got) != 0 {
			t.Errorf("%s: %s %s, the service got %v", name, resp.Status, body, l.got)
		}
	}
}

// rootX1 is a certificate that has signed nothing here: httptest's own, with
// its last byte changed.
var rootX1 = func() string {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	raw := append([]byte(nil), s.Certificate().Raw...)
	raw[len(raw)-1] ^= 1
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
}()
