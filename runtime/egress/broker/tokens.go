package broker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
)

// Keeper keeps logins that a service gives to the jail. Its methods are called
// from any goroutine, and no error of it has a token in it.
type Keeper interface {
	Source
	// Keep writes down the login of an answer (RFC 6749, 5.1) to a request.
	Keep(ctx context.Context, request, answer []byte) error
	// Refresh is the refresh token of the login that Keep wrote; empty if there
	// is none. Forget takes the login away.
	Refresh() string
	Forget(ctx context.Context) error
}

// maxTokens is far more than a request for tokens or an answer ever has.
const maxTokens = 64 << 10

// placeholderLife is how long a placeholder is good for the jail, which never
// asks for another then.
const placeholderLife = 10 * 365 * 24 * 60 * 60 // seconds

// registerPath ends the path at which programs become clients, by custom.
const registerPath = "/register"

// revokeName is where a service ends logins, by custom (RFC 7009).
const revokeName = "revoke"

// tokenPath: the request is for one of the paths at which tokens come and go,
// or looks as if a server could take it for one.
func (b *Broker) tokenPath(r *http.Request) (at string, no *refusal) {
	if b.Tokens == nil {
		return "", nil
	}
	at = r.URL.Path
	if at == b.Tokens.Path || b.revokes(at) {
		if r.Method == http.MethodPost && r.URL.RawPath == "" {
			return at, nil
		}
		return "", refuse(http.StatusForbidden, "%s is for POST alone, and spelt like that", clip(at))
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return "", nil // pages
	}
	lower := strings.ToLower(at)
	if b.From+b.Tokens.Revoke == "" && strings.HasSuffix(lower, registerPath) && !strings.Contains(lower, "%") {
		return "", nil // a program of the jail makes itself known (RFC 7591)
	}
	if strings.Contains(lower, "token") || strings.Contains(lower, "oauth") || strings.Contains(lower, "%") {
		return "", refuse(http.StatusForbidden, "%s is not among the paths at which this jail can log in: %s", clip(at), b.Tokens.Path)
	}
	return "", nil
}

// revokes: logins end there. Of a service that the policy names that is beside the
// path at which they are made.
func (b *Broker) revokes(p string) bool {
	if b.Tokens.Revoke != "" {
		return p == b.Tokens.Revoke
	}
	return p == path.Join(path.Dir(b.Tokens.Path), revokeName)
}

// exchange serves a request for tokens. What the service gives is kept outside,
// and the jail gets placeholders.
func (b *Broker) exchange(w http.ResponseWriter, r *http.Request, f *forward, at string, e *Event) *refusal {
	var text []byte
	var err error
	if f.sent != nil {
		text, err = io.ReadAll(http.MaxBytesReader(w, f.sent, maxTokens))
	}
	if err != nil {
		return refuse(http.StatusBadRequest, "the request for tokens breaks off, or is too large")
	}
	if b.revokes(at) {
		return b.revoke(w, r, text, e)
	}
	if field(text, "grant_type") == "refresh_token" && field(text, "refresh_token") == b.stands {
		return b.renew(w, r, e)
	}
	resp, answer, no := b.ask(r, text, e) //nolint:bodyclose // ask has read and closed it
	if no != nil {
		return no
	}
	inside, ok := b.placeholders(answer)
	switch {
	case !ok && resp.StatusCode/100 != 2: // why it gives none
		b.relay(w, resp, answer, e)
		return nil
	case !ok:
		return refuse(http.StatusBadGateway, "%s answered with what is no login: it stays outside", b.upstream.Host)
	}
	if err := b.keeper.Keep(r.Context(), text, answer); err != nil {
		no := refuse(http.StatusBadGateway, "the login cannot be kept outside of this jail, and is lost: log in again when that is repaired; the session log on the host has the reason")
		no.why = fmt.Sprintf("keep the login: %v", err)
		return no
	}
	b.relay(w, resp, inside, e)
	return nil
}

// renew answers a request that a placeholder be refreshed: with the same one,
// if there is a token behind it.
func (b *Broker) renew(w http.ResponseWriter, r *http.Request, e *Event) *refusal {
	key, err := b.keeper.Key(r.Context())
	if err != nil || key == "" {
		no := refuse(http.StatusForbidden, "there is no login any more: log in again")
		if err != nil {
			no.why = err.Error()
		}
		return no
	}
	e.Forwarded = false
	body, _ := json.Marshal(map[string]any{"token_type": "Bearer", "access_token": b.stands, "refresh_token": b.stands, "expires_in": placeholderLife}) // it has a JSON form
	b.relay(w, &http.Response{StatusCode: http.StatusOK, Header: http.Header{}}, body, e)
	return nil
}

// revoke ends a login that was made in the jail. That of the host is not the
// jail's to end.
func (b *Broker) revoke(w http.ResponseWriter, r *http.Request, text []byte, e *Event) *refusal {
	redact := newRedactor(nil)
	if field(text, "token") == b.stands || bytes.Contains(text, []byte(b.stands)) {
		switch token := b.keeper.Refresh(); {
		case token != "":
			spelt := token
			if !json.Valid(text) {
				spelt = url.QueryEscape(token) // a form
			}
			text = bytes.ReplaceAll(text, []byte(b.stands), []byte(spelt))
			// An error may repeat what it is about, wherever the placeholder was.
			redact = newRedactor([]string{token, spelt})
		case b.Tokens.Revoke != "":
			return refuse(http.StatusForbidden, "the login was not made in this jail, which cannot end it: log out on the host")
		}
		defer func() { _ = b.keeper.Forget(context.WithoutCancel(r.Context())) }() // its file stays, with a token that is worth nothing
	}
	resp, answer, no := b.ask(r, text, e) //nolint:bodyclose // ask has read and closed it
	if no != nil {
		return no
	}
	resp.Header = redact.header(resp.Header)
	redact.overwrite(answer)
	b.relay(w, resp, answer, e)
	return nil
}

// ask sends a request on that was read whole, and reads the answer whole.
func (b *Broker) ask(r *http.Request, text []byte, e *Event) (*http.Response, []byte, *refusal) {
	target, no := b.target(r)
	if no != nil {
		return nil, nil, no
	}
	h := b.headers(r, true)
	h.Del("Content-Encoding") // it is passed on as it was read
	out := (&http.Request{Method: r.Method, URL: target, Host: b.upstream.Host, Header: h}).WithContext(r.Context())
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	f := &forward{Request: out, redact: newRedactor(nil)}
	e.Forwarded = true
	resp, err := b.roundTrip(out)
	if err != nil {
		return nil, nil, b.failed(f, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxTokens+1))
	switch {
	case err != nil:
		return nil, nil, b.failed(f, err)
	case len(answer) > maxTokens || resp.StatusCode/100 == 1:
		return nil, nil, refuse(http.StatusBadGateway, "%s answered a request for tokens with something else", b.upstream.Host)
	case !slices.Contains([]string{"", "identity"}, strings.ToLower(resp.Header.Get("Content-Encoding"))):
		return nil, nil, refuse(http.StatusBadGateway, "%s answered encoded, which it was asked not to do: it stays outside", b.upstream.Host)
	}
	return resp, answer, nil
}

// relay answers with a body that is there whole.
func (b *Broker) relay(w http.ResponseWriter, resp *http.Response, body []byte, e *Event) {
	h := http.Header{}
	for _, name := range []string{"Content-Type", "Content-Encoding", "Date", "Request-Id", "Retry-After"} {
		if v := resp.Header.Get(name); v != "" {
			h.Set(name, v)
		}
	}
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	h.Set("Cache-Control", "no-store") // RFC 6749, 5.1
	maps.Copy(w.Header(), h)
	e.Status, e.Received = resp.StatusCode, int64(len(body))
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(body) // the client may be gone
}

// placeholders is an answer with tokens, and placeholders in their places.
func (b *Broker) placeholders(answer []byte) ([]byte, bool) {
	var all map[string]json.RawMessage
	if json.Unmarshal(answer, &all) != nil || all["access_token"] == nil {
		return nil, false
	}
	stands, _ := json.Marshal(b.stands)
	for name := range all {
		switch {
		case strings.HasSuffix(name, "expires_in"):
			all[name] = json.RawMessage(fmt.Sprint(placeholderLife))
		case name != "token_type" && strings.Contains(strings.ToLower(name), "token"):
			all[name] = stands
		}
	}
	// Or the agent expects the login to end in some weeks.
	all["refresh_token_expires_in"] = json.RawMessage(fmt.Sprint(placeholderLife))
	out, err := json.Marshal(all)
	return out, err == nil
}

// field is a text of a request, which is JSON or a form.
func field(text []byte, name string) string {
	var all map[string]json.RawMessage
	if json.Unmarshal(text, &all) == nil {
		var s string
		if json.Unmarshal(all[name], &s) != nil {
			return ""
		}
		return s
	}
	q, err := url.ParseQuery(string(text))
	if err != nil {
		return ""
	}
	return q.Get(name)
}
