package credential

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Login is a login, whatever file it came from.
type Login struct {
	// Access is sent with requests, Refresh brings the next one. Both are
	// secret, and so is ID, which says who the user is.
	Access, Refresh, ID string
	// Expires is when Access ends; zero if nobody knows, or never.
	Expires time.Time
	Scopes  []string
	// Account is which of the user's accounts it is: not secret.
	Account string
	// Plan is what the agent shows of it.
	Plan string
	// Again are parts of the request that refreshes it, which its client chose.
	// They may be secret.
	Again map[string]string
}

// Left is how long the access token is good.
func (l Login) Left(now time.Time) time.Duration {
	if l.Expires.IsZero() {
		return 100 * 365 * 24 * time.Hour
	}
	return l.Expires.Sub(now)
}

// Format is how one program writes a login down.
type Format struct {
	// Name is what policies call it, File the file in the folder of its
	// configuration.
	Name, File string
	// Endpoint gives new access tokens; empty: they do not run out.
	Endpoint string
	// form: what is sent there is a form and not JSON; fixed are the same in
	// each request, beside the refresh token.
	form  bool
	fixed map[string]string
	// Locks says how the program locks the file.
	Locks Locks

	parse  func(file object) (Login, error)
	update func(file object, l Login, now time.Time) error
	// standIn puts into own, the file of a jail, what stands for the login l.
	standIn func(own object, l Login, host object, placeholder string) error
	// access is the access token in a file, for what it is: of the user or a
	// placeholder.
	access func(file object) string
	// remove takes the login out of a file.
	remove func(file object)
}

// Locks is how a program locks its file of logins.
type Locks int

// Values of Locks.
const (
	// Folders: it makes folders, as the npm package proper-lockfile does.
	Folders Locks = iota
	// Flock: flock(2) of files beside it.
	Flock
	// Nobody: it does not. Whoever uses this package locks the folder.
	Nobody
)

// Claude is the name of Claude Code's format, the default.
const Claude = "claude"

// Named is the format of that name; empty is Claude's.
func Named(name string) (Format, bool) {
	if name == "" {
		name = Claude
	}
	i := slices.IndexFunc(formats, func(f Format) bool { return f.Name == name })
	if i < 0 {
		return Format{}, false
	}
	return formats[i], true
}

// far is how long a placeholder is good: a jail never refreshes one.
const far = 4102444800 * time.Second // 2100-01-01, since 1970

var formats = []Format{claude(), codex(), gemini(), copilot(), opencode(openAI), opencode(githubCopilot), oauth()}

// object is a file by its members. What nobody here knows stays as it is.
type object map[string]json.RawMessage

// errForm is an error that tells nothing of what it is about.
var errForm = errors.New("it has another form than the program writes")

// decode reads a file. Empty is an empty one.
func decode(text []byte) (object, error) {
	o := object{}
	// copilot writes comments, whole lines at the beginning.
	lines := strings.Split(string(text), "\n")
	for len(lines) > 0 && strings.HasPrefix(strings.TrimSpace(lines[0]), "//") {
		lines = lines[1:]
	}
	rest := strings.Join(lines, "\n")
	if strings.TrimSpace(rest) == "" {
		return o, nil
	}
	if json.Unmarshal([]byte(rest), &o) != nil || o == nil {
		return nil, errors.New("it is no JSON object")
	}
	return o, nil
}

// get is a member that is an object itself; empty if it is not there.
func (o object) get(name string) (object, error) {
	inner := object{}
	if raw := o[name]; raw != nil && string(raw) != "null" && json.Unmarshal(raw, &inner) != nil {
		return nil, errForm
	}
	return inner, nil
}

// text is a member that is a string; empty if it is none.
func (o object) text(name string) string {
	var s string
	if json.Unmarshal(o[name], &s) != nil {
		return ""
	}
	return s
}

// number is a member that is a number; zero if it is none.
func (o object) number(name string) int64 {
	var n float64
	if json.Unmarshal(o[name], &n) != nil {
		return 0
	}
	return int64(n)
}

// set gives members values.
func (o object) set(values map[string]any) error {
	for name, v := range values {
		raw, err := json.Marshal(v)
		if err != nil {
			return err
		}
		o[name] = raw
	}
	return nil
}

// Parse reads a login from a file. The error is fs.ErrNotExist where the file
// has none.
func (f Format) Parse(text []byte) (Login, error) {
	o, err := decode(text)
	if err != nil {
		return Login{}, err
	}
	l, err := f.parse(o)
	if err == nil && l.Access == "" {
		err = fs.ErrNotExist
	}
	return l, err
}

// Update is a file with another login, and all else as it was. An empty file
// becomes one with nothing but that.
func (f Format) Update(text []byte, l Login, now time.Time) ([]byte, error) {
	o, err := decode(text)
	if err != nil {
		return nil, err
	}
	if err := f.update(o, l, now); err != nil {
		return nil, err
	}
	return json.Marshal(o)
}

// Remove is a file without the login, nil if nothing else is in it.
func (f Format) Remove(text []byte) ([]byte, error) {
	o, err := decode(text)
	if err != nil {
		return nil, err
	}
	f.remove(o)
	if len(o) == 0 {
		return nil, nil
	}
	return json.Marshal(o)
}

// StandIn is the file own of a jail with what stands for the login in the file
// host. No token of host is in it.
func (f Format) StandIn(own, host []byte, placeholder string) ([]byte, error) {
	h, err := decode(host)
	if err != nil {
		return nil, err
	}
	l, err := f.parse(h)
	if err != nil {
		return nil, err
	}
	o, err := decode(own)
	if err != nil {
		return nil, err
	}
	if err := f.standIn(o, l, h, placeholder); err != nil {
		return nil, err
	}
	return json.Marshal(o)
}

// Own reports whether the file of a jail has a login that was made inside: one
// that is there, and not the placeholder.
func (f Format) Own(text []byte, placeholder string) bool {
	o, err := decode(text)
	if err != nil {
		return true
	}
	a := f.access(o)
	return a != "" && a != placeholder
}

// Client is by what name the program asks for tokens.
func (f Format) Client() string { return f.fixed["client_id"] }

// Holds reports whether the file of a jail has the placeholder of the login.
func (f Format) Holds(text []byte, placeholder string) bool {
	o, err := decode(text)
	return err == nil && f.access(o) == placeholder
}

// Request is what is sent to the endpoint for a new access token.
func (f Format) Request(l Login) (contentType string, body []byte, err error) {
	all := map[string]string{"grant_type": "refresh_token", "refresh_token": l.Refresh}
	maps.Copy(all, f.fixed)
	maps.Copy(all, l.Again)
	if f.form {
		q := url.Values{}
		for name, v := range all {
			q.Set(name, v)
		}
		return "application/x-www-form-urlencoded", []byte(q.Encode()), nil
	}
	body, err = json.Marshal(all)
	return "application/json", body, err
}

// errAnswer: see Answered.
var errAnswer = errors.New("the service's answer has no token")

// Answered is the login l after an answer of the endpoint. What the answer does
// not have stays.
func (f Format) Answered(l Login, answer []byte, now time.Time) (Login, error) {
	o, err := decode(answer)
	if err != nil {
		return l, errAnswer
	}
	access, in := o.text("access_token"), o.number("expires_in")
	expires := time.Time{}
	switch {
	case in > 0:
		expires = now.Add(time.Duration(in) * time.Second)
	case f.Name == Codex:
		expires = jwtExpiry(access)
	}
	if access == "" || expires.IsZero() && f.Name != Codex && f.Name != OAuth {
		return l, errAnswer
	}
	l.Access, l.Expires = access, expires
	for name, to := range map[string]*string{"refresh_token": &l.Refresh, "id_token": &l.ID} {
		if v := o.text(name); v != "" {
			*to = v
		}
	}
	if v := strings.Fields(o.text("scope")); len(v) > 0 {
		l.Scopes = v
	}
	return l, nil
}

// jwtExpiry is what a token says of its own end (RFC 7519, 4.1.4); zero if it
// says nothing. Nobody checks who signed it: it is the user's own.
func jwtExpiry(token string) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}
	}
	var claims object
	if json.Unmarshal(text, &claims) != nil || claims.number("exp") <= 0 {
		return time.Time{}
	}
	return time.Unix(claims.number("exp"), 0)
}
