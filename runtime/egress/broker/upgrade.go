package broker

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// upgrades is the protocol that a request changes to, empty for none. A
// refusal is 426: clients that can do without one then do.
func (b *Broker) upgrades(r *http.Request) (string, *refusal) {
	var protocol string
	for _, u := range fields(r.Header, "Upgrade") {
		u = strings.ToLower(u)
		switch {
		case u == "h2c":
			// Some clients offer HTTP/2 that way, and are content with no answer.
		case r.ProtoMajor != 1 || r.ContentLength != 0 || !slices.Contains(b.Upgrade, u):
			return "", refuse(http.StatusUpgradeRequired, "upgrades to %s are refused: broker.upgrade does not have it", clip(u))
		default:
			protocol = u
		}
	}
	return protocol, nil
}

// tunnel passes on what is said after a request has changed its protocol. A
// key in it is overwritten where it comes in one piece.
func (b *Broker) tunnel(w http.ResponseWriter, f *forward, resp *http.Response, e *Event) *refusal {
	out, ok := resp.Body.(io.ReadWriteCloser)
	if !ok || !strings.EqualFold(resp.Header.Get("Upgrade"), f.upgrade) {
		return refuse(http.StatusBadGateway, "%s changed to another protocol than was asked for", b.upstream.Host)
	}
	in, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return refuse(http.StatusInternalServerError, "%v", err)
	}
	// Either side's end is the other's, and so is that of the broker.
	end := func() { _ = in.Close(); _ = out.Close() }
	defer end()
	defer context.AfterFunc(b.ctx, end)()
	_ = in.SetDeadline(time.Time{})
	e.Status = resp.StatusCode
	h := http.Header{}
	b.copyHeader(h, f.redact.header(resp.Header), fields(resp.Header, "Connection"))
	h.Set("Connection", "Upgrade")
	h.Set("Upgrade", f.upgrade)
	var head strings.Builder
	fmt.Fprintf(&head, "HTTP/1.1 %d %s\r\n", resp.StatusCode, http.StatusText(resp.StatusCode))
	_ = h.Write(&head) // a strings.Builder takes it
	head.WriteString("\r\n")
	if _, err := io.WriteString(in, head.String()); err != nil {
		e.Why = f.redact.text(err.Error())
		return nil
	}
	var sent atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer end()
		n, _ := io.Copy(out, buffered) // either side may go away
		sent.Store(n)
	}()
	for buf := make([]byte, 32<<10); ; {
		n, err := out.Read(buf)
		f.redact.overwrite(buf[:n])
		m, failed := in.Write(buf[:n])
		e.Received += int64(m)
		if err != nil || failed != nil {
			break
		}
	}
	end()
	<-done
	e.Sent = sent.Load()
	return nil
}
