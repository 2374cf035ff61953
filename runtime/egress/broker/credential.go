package broker

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// credential is the value of the broker's header as it is sent on, and what
// the service gets to know by it. It is empty where a request to the service's
// own name has no such header: then the service asks for it, or needs none. A
// broker without a key lets credentials of the jail's own pass.
func (b *Broker) credential(r *http.Request) (value string, secrets []string, no *refusal) {
	if !b.keyed() {
		return "", nil, nil
	}
	values := r.Header.Values(b.Header)
	switch {
	case len(values) > 1:
		return "", nil, refuse(http.StatusForbidden, "there is more than one header %s", b.Header)
	case len(values) == 0 && byName(r):
		return "", nil, nil
	case len(values) == 0 && strings.EqualFold(b.Header, "Authorization"):
		// A question, not a refusal: whoever has sent a credential is never
		// answered so, for git erases what it had stored.
		return "", nil, refuse(http.StatusUnauthorized, "%s", b.wants())
	}
	key, err := b.source.Key(r.Context())
	if err == nil {
		err = CheckKey(key)
	}
	if err != nil {
		no := refuse(http.StatusForbidden, "the key of broker %q cannot be had; the session log on the host has the reason", b.Name)
		no.why, no.keyless = err.Error(), true
		return "", nil, no
	}
	value, secrets, ok := b.place(r.Header.Get(b.Header), key)
	if !ok {
		return "", nil, refuse(http.StatusForbidden, "%s", b.wants())
	}
	return value, secrets, nil
}

// as is how the broker judges a request: as one without a key while there is
// none, and where it is open to others and the request has no placeholder.
func (b *Broker) as(r *http.Request) *Broker {
	switch {
	case b.bare == nil:
		return b
	case b.Open && !slices.ContainsFunc(r.Header.Values(b.Header), b.holds):
		return b.bare
	case b.Keep != "":
		if key, err := b.source.Key(r.Context()); err == nil && key == "" {
			return b.bare
		}
	}
	return b
}

// holds: a header's value is, or has, the placeholder.
func (b *Broker) holds(value string) bool {
	_, _, ok := b.place(value, "")
	return ok || strings.Contains(value, b.Placeholder())
}

// wants says what the broker's header has to hold.
func (b *Broker) wants() string {
	return fmt.Sprintf("the header %s does not hold its placeholder. This broker takes no other key: the real one is added outside of the jail, in the place of %q", b.Header, b.Placeholder())
}

// basicUser is the longest user name beside a placeholder. Keys of services
// that also look for one in the name (GitHub) are longer.
const basicUser = 39

// oauthBasic stands beside a token that is the user name, by GitHub's custom.
const oauthBasic = "x-oauth-basic"

// place puts the key in the placeholder's place in the value of a header:
// alone, behind a scheme ("Bearer", "token"), or in the base64 of "Basic" (RFC
// 7617), as the password, or as the name without one. ok is false for anything
// else: the rest of such a value would be the sender's own key. secrets are
// what the service gets to know.
func (b *Broker) place(value, key string) (out string, secrets []string, ok bool) {
	if value == b.Placeholder() {
		return key, []string{key}, true
	}
	scheme, rest, found := strings.Cut(value, " ")
	if !found || scheme == "" || strings.ContainsAny(scheme, ",;=\"\t") {
		return "", nil, false
	}
	rest = strings.TrimLeft(rest, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return scheme + " " + key, []string{key}, rest == b.Placeholder()
	}
	text, err := base64.StdEncoding.DecodeString(rest)
	if err != nil {
		return "", nil, false
	}
	user, password, pair := strings.Cut(string(text), ":")
	switch {
	case user == b.Placeholder() && !pair:
		user = key
	case user == b.Placeholder() && slices.Contains([]string{"", oauthBasic, user}, password):
		user, password = key, strings.ReplaceAll(password, b.Placeholder(), key)
	case password == b.Placeholder() && len(user) <= basicUser:
		password = key
	default:
		return "", nil, false
	}
	if pair {
		user += ":" + password
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(user))
	return scheme + " " + encoded, []string{key, encoded}, true
}
