package credential

import (
	"encoding/json"
	"net/url"
	"time"
)

// OAuth is the name of the format in which a login is kept that any program of a
// jail made at a service (RFC 6749): nobody else writes it.
const OAuth = "oauth"

// oauthAgain are the parts of a request for tokens that are sent again with the
// refresh token.
var oauthAgain = []string{"client_id", "client_secret", "resource", "audience"}

func oauth() Format {
	return Format{
		Name: OAuth, File: "login.json", form: true, Locks: Nobody,
		parse: func(file object) (Login, error) {
			l := Login{Access: file.text("access_token"), Refresh: file.text("refresh_token")}
			if ms := file.number("expires_at"); ms > 0 {
				l.Expires = time.UnixMilli(ms)
			}
			if raw := file["again"]; raw != nil && json.Unmarshal(raw, &l.Again) != nil {
				return Login{}, errForm
			}
			return l, nil
		},
		update: func(file object, l Login, _ time.Time) error {
			ms := int64(0)
			if !l.Expires.IsZero() {
				ms = l.Expires.UnixMilli()
			}
			return file.set(map[string]any{"access_token": l.Access, "refresh_token": l.Refresh, "expires_at": ms, "again": l.Again})
		},
		standIn: func(own object, _ Login, _ object, placeholder string) error {
			return own.set(map[string]any{"access_token": placeholder, "refresh_token": "", "expires_at": 0})
		},
		access: func(file object) string { return file.text("access_token") },
		remove: func(file object) {
			for _, name := range []string{"access_token", "refresh_token", "expires_at", "again"} {
				delete(file, name)
			}
		},
	}
}

// Asked is the login l with what its refreshing needs of the request that it was
// given out for: a form, or what some programs send in its place, JSON.
func (f Format) Asked(l Login, request []byte) Login {
	if f.Name != OAuth {
		return l
	}
	get := func(string) string { return "" }
	if o, err := decode(request); err == nil {
		get = o.text
	} else if q, err := url.ParseQuery(string(request)); err == nil {
		get = q.Get
	}
	l.Again = map[string]string{}
	for _, name := range oauthAgain {
		if v := get(name); v != "" {
			l.Again[name] = v
		}
	}
	return l
}
