package broker

import (
	"encoding/json"
	"fmt"
	"html"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// refusal is an answer of the broker's own.
type refusal struct {
	status int
	text   string
	// why is for the log alone; empty is text.
	why string
	// keyless: the key could not be had.
	keyless bool
}

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status: status, text: fmt.Sprintf(format, args...)}
}

// answer is an error of the broker's own, in a form that the service's clients
// show.
func (b *Broker) answer(w http.ResponseWriter, r *refusal) {
	h := w.Header()
	switch r.status {
	case http.StatusUnauthorized:
		// git and others send what they have only when they are asked.
		h.Set("Www-Authenticate", fmt.Sprintf(`Basic realm="jailed-claude broker %s"`, b.Name))
	case http.StatusUpgradeRequired:
		h.Set("Upgrade", "HTTP/1.1") // RFC 9110, 15.5.22
		h.Set("Connection", "Upgrade")
	}
	kind, body := b.body(r)
	h.Set("Content-Type", kind)
	w.WriteHeader(r.status)
	_, _ = w.Write(body) // the client may be gone
}

// inXML is r, or the sign for what cannot be shown where XML 1.0 has no place for
// it: a request's path may hold it.
func inXML(r rune) rune {
	if unicode.IsControl(r) || r == 0xfffe || r == 0xffff {
		return unicode.ReplacementChar
	}
	return r
}

// body is the content of a refusal and its type. Clients look in different
// places for what to show: gh, go and git at "message", npm at "error", cargo
// and docker in "errors", those of the Anthropic API at "error.message", those
// of AWS in XML.
func (b *Broker) body(r *refusal) (kind string, body []byte) {
	text := "jailed-claude broker: " + r.text
	host := b.upstream.Hostname()
	if b.Signs() || strings.HasSuffix(host, ".amazonaws.com") {
		// Not by encoding/xml: the table of names that it makes when a program
		// starts would be made in each start of a jail.
		text = html.EscapeString(strings.Map(inXML, text))
		return "application/xml", fmt.Appendf(nil, "<Error><Code>AccessDenied</Code><Message>%s</Message></Error>\n", text)
	}
	type detail struct {
		Detail  string `json:"detail"`
		Message string `json:"message"`
		Code    string `json:"code"`
	}
	type typed struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	}
	all := struct {
		Type    string   `json:"type"`
		Message string   `json:"message"`
		Error   any      `json:"error"`
		Errors  []detail `json:"errors"`
	}{"error", text, text, []detail{{text, text, code(r.status)}}}
	if host == anthropicHost {
		all.Error = typed{errorType(r.status), text}
	}
	body, _ = json.Marshal(all) // strings have a JSON form
	return "application/json", append(body, '\n')
}

const anthropicHost = "api.anthropic.com"

// code is a status as a word, as registries have it (OCI distribution, "error
// codes").
func code(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "UNAUTHORIZED"
	case http.StatusForbidden:
		return "DENIED"
	}
	return strings.ToUpper(strings.ReplaceAll(http.StatusText(status), " ", "_"))
}

// errorType is that of the API's errors that fits a status.
func errorType(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "authentication_error"
	case http.StatusForbidden:
		return "permission_error"
	case http.StatusBadGateway:
		return "api_error"
	case http.StatusGatewayTimeout:
		return "timeout_error"
	case http.StatusServiceUnavailable:
		return "overloaded_error"
	}
	return "invalid_request_error"
}

// full answers a connection that is one too many, whatever it asks.
func (b *Broker) full(c net.Conn) {
	r := refuse(http.StatusServiceUnavailable, "there are %d connections to the broker %q already", maxConns, b.Name)
	kind, body := b.body(r)
	_ = c.SetDeadline(time.Now().Add(headerTimeout))
	_, _ = fmt.Fprintf(c, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		r.status, http.StatusText(r.status), kind, len(body), body)
	b.tell(Event{Broker: b.Name, Status: r.status, Why: r.text})
}
