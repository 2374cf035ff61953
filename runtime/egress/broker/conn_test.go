package broker

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestNoRetry: a request that was sent is not sent again.
func TestNoRetry(t *testing.T) {
	both(t, func(t *testing.T, changes ...change) {
		l := newLab(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			panic(http.ErrAbortHandler)
		}, changes...)
		for range 3 { // later ones on a connection that was open, if any
			resp, body := l.do("POST", "/v1/messages", "pay once", "X-Api-Key", l.b.Placeholder())
			if resp.StatusCode != http.StatusBadGateway || !strings.Contains(body, "BAD_GATEWAY") {
				t.Errorf("%s %s", resp.Status, body)
			}
			if ev := l.event(); !ev.Forwarded || ev.Why == "" || ev.Sent != 8 {
				t.Errorf("%+v", ev)
			}
		}
		if len(l.got) != 3 {
			t.Errorf("3 requests came %d times", len(l.got))
		}
		clean(t, "the log", l.events)
	})
}

func TestConnections(t *testing.T) {
	l := newLab(t, nil)
	for range maxConns {
		l.b.slots <- struct{}{}
	}
	if answer := l.raw("GET /v1/messages HTTP/1.1\r\n\r\n"); !strings.HasPrefix(answer, "HTTP/1.1 503 ") || !strings.Contains(answer, "SERVICE_UNAVAILABLE") {
		t.Errorf("%q", answer)
	}
	for range maxConns {
		<-l.b.slots
	}
	if resp, _ := l.do("GET", "/v1/messages", "", "X-Api-Key", l.b.Placeholder()); resp.StatusCode != http.StatusOK {
		t.Error(resp.Status)
	}
}

// TestClose: it ends what is going on, in both directions, and what comes
// later.
func TestClose(t *testing.T) {
	there, gone := make(chan struct{}), make(chan struct{})
	l := newLab(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		close(there)
		<-r.Context().Done()
		close(gone)
	})
	inside, outside := net.Pipe()
	served := make(chan struct{})
	go func() { l.b.ServeConn(outside); close(served) }()
	go func() { <-there; _ = l.b.Close() }()
	if _, err := io.WriteString(inside, "GET /v1/messages HTTP/1.1\r\nHost: x\r\nX-Api-Key: "+l.b.Placeholder()+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	_, _ = io.ReadAll(inside)
	<-served
	<-gone
	inside, outside = net.Pipe()
	go l.b.ServeConn(outside)
	if text, err := io.ReadAll(inside); len(text) != 0 || err != nil {
		t.Errorf("after Close: %q, %v", text, err)
	}
}

// TestIdleReused: connections to the service are kept; one that the service
// has closed meanwhile is no reason to send anything twice.
func TestIdleReused(t *testing.T) {
	l := newLab(t, nil, http1)
	for range 3 {
		l.do("POST", "/v1/messages", "x", "X-Api-Key", l.b.Placeholder())
	}
	if len(l.dialled) != 1 {
		t.Errorf("dialled %d times for 3 requests", len(l.dialled))
	}
	l.service.CloseClientConnections()
	// A request may meet the end of its connection, and fails then. None comes
	// twice.
	done := 3
	for resp := (*http.Response)(nil); resp == nil || resp.StatusCode != http.StatusOK; {
		if resp, _ = l.do("POST", "/v1/messages", "x", "X-Api-Key", l.b.Placeholder()); resp.StatusCode == http.StatusOK {
			done++
		}
	}
	if done != 4 || len(l.got) != done {
		t.Errorf("%d requests were answered, %d came", done, len(l.got))
	}
}

// TestMalformedBody: what is wrong with a request is not the service's fault.
func TestMalformedBody(t *testing.T) {
	l := newLab(t, nil)
	for _, chunk := range []string{"zz\r\nx\r\n", "5\r\nabcdeXX", "-1\r\n", "fffffffffffffffff\r\n"} {
		answer := l.raw("POST /v1/messages HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Api-Key: " + l.b.Placeholder() + "\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk)
		if !strings.HasPrefix(answer, "HTTP/1.1 400 ") || strings.Contains(answer, key) {
			t.Errorf("%q: %q", chunk, answer)
		}
	}
	clean(t, "the log", l.events)
}
