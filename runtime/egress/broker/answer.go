package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// handle serves one request.
func (b *Broker) handle(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	e := Event{Broker: b.Name, Method: clip(r.Method), Path: clip(r.URL.Path)}
	f, no := b.as(r).prepare(r)
	defer func() {
		if f != nil && f.sent != nil {
			e.Sent = f.sent.n.Load()
		}
		e.Duration = time.Since(begun)
		b.tell(e)
	}()
	switch path, bad := b.tokenPath(r); {
	case no != nil:
	case bad != nil:
		no = bad
	case path != "":
		no = b.exchange(w, r, f, path, &e)
	default:
		e.Forwarded = true
		no = b.forward(w, f, &e)
	}
	if no != nil {
		e.Status, e.Why, e.Keyless = no.status, no.why, no.keyless
		if e.Why == "" {
			e.Why = no.text
		}
		b.answer(w, no)
	}
}

// forward sends a request on and its answer back. It returns a refusal if
// nothing was sent back yet. An answer that breaks off breaks off in the jail
// as well.
func (b *Broker) forward(w http.ResponseWriter, f *forward, e *Event) *refusal {
	// Or net/http would swallow what is left of the request's body when an
	// answer begins early, while it is being sent on.
	if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
		return refuse(http.StatusInternalServerError, "%v", err)
	}
	resp, err := b.roundTrip(f.Request)
	if err != nil {
		return b.failed(f, err)
	}
	defer resp.Body.Close()
	if f.upgrade != "" && resp.StatusCode == http.StatusSwitchingProtocols {
		return b.tunnel(w, f, resp, e)
	}
	if resp.StatusCode < 200 {
		return refuse(http.StatusBadGateway, "%s answered with status %d", b.upstream.Host, resp.StatusCode)
	}
	if c := resp.Header.Get("Content-Encoding"); !f.redact.idle() && c != "" && !strings.EqualFold(c, "identity") && hasBody(f.Method, resp) {
		return refuse(http.StatusBadGateway, "%s answered encoded (%s), which it was asked not to do: the broker could not see whether the key is in it", b.upstream.Host, clip(f.redact.text(c)))
	}
	b.copyHeader(w.Header(), f.redact.header(resp.Header), fields(resp.Header, "Connection"))
	if len(resp.Trailer) > 0 {
		w.Header().Del("Content-Length") // or there is no place for trailers
	}
	if s := f.redact.secrets; resp.StatusCode == http.StatusUnauthorized && len(s) > 0 {
		b.source.Rejected(string(s[0])) // as it is, the first of them
	}
	e.Status = resp.StatusCode
	w.WriteHeader(resp.StatusCode)
	out := &outlet{w: w, in: connOf(f.Request), redact: f.redact, n: &e.Received}
	if err := out.pass(resp.Body); err != nil {
		e.Why = f.redact.text(err.Error())
		// What net/http takes for "close the connection, and say nothing".
		panic(http.ErrAbortHandler)
	}
	for name, values := range f.redact.header(resp.Trailer) {
		for _, v := range values {
			w.Header().Add(http.TrailerPrefix+name, v)
		}
	}
	return nil
}

// hasBody: an answer may have content (RFC 9110, 6.4.1).
func hasBody(method string, resp *http.Response) bool {
	return method != http.MethodHead && resp.StatusCode != http.StatusNoContent && resp.StatusCode != http.StatusNotModified && resp.ContentLength != 0
}

// stays: a header of an answer stays outside. A cookie may be a login that was
// made with the key, and another server's address is none of the jail's.
func (b *Broker) stays(name string) bool {
	return name == "Alt-Svc" || name == "Set-Cookie" && b.keyed()
}

func (b *Broker) copyHeader(to, from http.Header, connection []string) {
	for name, values := range from {
		if slices.Contains(hopByHop, name) || b.stays(name) ||
			slices.ContainsFunc(connection, func(c string) bool { return strings.EqualFold(c, name) }) {
			continue
		}
		to[name] = values
	}
	for _, name := range []string{"Content-Type", "Date"} {
		if _, ok := to[name]; !ok {
			to[name] = nil // or net/http adds its own
		}
	}
}

// failed says in words for the jail that the service was not reached. What the
// error itself says may be of the host's network: it is for the log.
func (b *Broker) failed(f *forward, err error) *refusal {
	text, status := "cannot be reached", http.StatusBadGateway
	var certificate *tls.CertificateVerificationError
	var timeout net.Error
	switch {
	case errors.As(err, &certificate):
		text = "does not prove who it is: its TLS certificate was not accepted"
	case errors.Is(err, context.Canceled):
		text = "was not waited for"
	case errors.As(err, &timeout) && timeout.Timeout():
		text, status = "did not answer in time", http.StatusGatewayTimeout
	}
	if f.sent != nil && f.sent.malformed.Load() && !errors.Is(err, context.Canceled) {
		r := refuse(http.StatusBadRequest, "the body of the request breaks off, or its chunks are malformed")
		r.why = f.redact.text(err.Error())
		return r
	}
	r := refuse(status, "%s %s; the session log on the host has the reason", b.upstream.Host, text)
	r.why = f.redact.text(err.Error())
	return r
}
