package credential

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Names of formats.
const (
	Codex   = "codex"
	Gemini  = "gemini"
	Copilot = "copilot"
)

// Providers of opencode with a login.
const (
	openAI        = "openai"
	githubCopilot = "github-copilot"
)

// openAIClient is the one of Codex's login, which opencode uses, too.
const openAIClient = "app_EMoamEEZ73f0CkXaXp7hrann"

// The client of Gemini's login, in every copy of the program.
const (
	geminiClient = "681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com" //nolint:gosec // public
	geminiKnown  = "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"
)

// opaqueLife is how long Codex uses a token that does not say when it ends.
const opaqueLife = 8 * 24 * time.Hour

// codex is what Codex 0.171.0 writes and sends: a login of ChatGPT.
func codex() Format {
	return Format{
		Name: Codex, File: "auth.json", Endpoint: "https://auth.openai.com/oauth/token", Locks: Flock,
		fixed: map[string]string{"client_id": openAIClient, "refresh_reason": "proactive_expiry"},
		parse: func(file object) (Login, error) {
			o, err := file.get("tokens")
			if err != nil {
				return Login{}, err
			}
			l := Login{Access: o.text("access_token"), Refresh: o.text("refresh_token"), ID: o.text("id_token"), Account: o.text("account_id")}
			if l.Expires = jwtExpiry(l.Access); l.Expires.IsZero() {
				// Where there is no date, the program sends no token either.
				at, _ := time.Parse(time.RFC3339, file.text("last_refresh"))
				l.Expires = at.Add(opaqueLife)
			}
			return l, nil
		},
		update: func(file object, l Login, now time.Time) error {
			o, err := file.get("tokens")
			if err != nil {
				return err
			}
			if err := o.set(map[string]any{"access_token": l.Access, "refresh_token": l.Refresh, "id_token": l.ID}); err != nil {
				return err
			}
			return file.set(map[string]any{"tokens": o, "last_refresh": now.UTC().Format(time.RFC3339Nano)})
		},
		// In this mode it never refreshes. What stands for the identity needs the
		// form of a JWT, or the file is passed over without a word.
		standIn: func(own object, l Login, _ object, placeholder string) error {
			delete(own, "OPENAI_API_KEY")
			return own.set(map[string]any{
				"auth_mode": "chatgptAuthTokens",
				"tokens": map[string]string{ //nolint:gosec // placeholders
					"id_token": "e30.e30.e30", "access_token": placeholder, "refresh_token": "", "account_id": l.Account,
				},
				"last_refresh": "2099-01-01T00:00:00Z",
			})
		},
		access: func(file object) string {
			if file.text("OPENAI_API_KEY") != "" {
				return "key"
			}
			o, err := file.get("tokens")
			if err != nil {
				return "?"
			}
			return o.text("access_token")
		},
		remove: func(file object) {
			for _, name := range []string{"auth_mode", "tokens", "last_refresh"} {
				delete(file, name)
			}
		},
	}
}

// gemini is what Gemini CLI 0.61.0 writes and sends. Its client is one of an
// installed application, whose "secret" is in every copy of the program (RFC
// 8252, 8.5).
func gemini() Format {
	return Format{
		Name: Gemini, File: "oauth_creds.json", Endpoint: "https://oauth2.googleapis.com/token", Locks: Nobody, form: true,
		fixed: map[string]string{"client_id": geminiClient, "client_secret": geminiKnown},
		parse: func(file object) (Login, error) {
			l := Login{Access: file.text("access_token"), Refresh: file.text("refresh_token"), ID: file.text("id_token"), Scopes: strings.Fields(file.text("scope"))}
			if at := file.number("expiry_date"); at > 0 {
				l.Expires = time.UnixMilli(at)
			}
			return l, nil
		},
		update: func(file object, l Login, _ time.Time) error {
			values := map[string]any{"access_token": l.Access, "refresh_token": l.Refresh, "expiry_date": l.Expires.UnixMilli()}
			if l.ID != "" {
				values["id_token"] = l.ID
			}
			if len(l.Scopes) > 0 {
				values["scope"] = strings.Join(l.Scopes, " ")
			}
			return file.set(values)
		},
		standIn: func(own object, _ Login, _ object, placeholder string) error {
			clear(own)
			return own.set(map[string]any{"access_token": placeholder, "token_type": "Bearer", "expiry_date": far.Milliseconds()})
		},
		access: func(file object) string { return file.text("access_token") },
		remove: func(file object) { clear(file) },
	}
}

// copilot is what Copilot 1.0.102 writes where there is no keyring: the token
// of GitHub itself, which it sends as it is.
func copilot() Format {
	first := func(file object) (name, token string) {
		o, err := file.get("copilotTokens")
		if err != nil {
			return "", "?"
		}
		var names []string
		for n := range o {
			if strings.HasPrefix(n, "https://github.com:") {
				names = append(names, n)
			}
		}
		slices.Sort(names)
		if last, err := file.get("lastLoggedInUser"); err == nil {
			n := last.text("host") + ":" + last.text("login")
			if slices.Contains(names, n) {
				names = []string{n}
			}
		}
		if len(names) == 0 {
			return "", ""
		}
		return names[0], o.text(names[0])
	}
	return Format{
		Name: Copilot, File: "config.json", Locks: Nobody,
		parse: func(file object) (Login, error) {
			name, token := first(file)
			if token == "?" {
				return Login{}, errForm
			}
			return Login{Access: token, Account: name}, nil
		},
		update: func(object, Login, time.Time) error { return nil },
		standIn: func(own object, l Login, _ object, placeholder string) error {
			return own.set(map[string]any{"copilotTokens": map[string]string{l.Account: placeholder}})
		},
		access: func(file object) string { _, token := first(file); return token },
		remove: func(file object) { delete(file, "copilotTokens") },
	}
}

// opencode is what opencode 1.18.33 writes of a provider that it knows by a
// login: one of ChatGPT, or the token of GitHub for Copilot, which does not run
// out.
func opencode(provider string) Format {
	f := Format{
		Name: "opencode-" + provider, File: "auth.json", Locks: Nobody,
		parse: func(file object) (Login, error) {
			o, err := file.get(provider)
			if err != nil {
				return Login{}, err
			}
			if o.text("type") != "oauth" {
				return Login{}, nil
			}
			l := Login{Access: o.text("access"), Refresh: o.text("refresh"), Account: o.text("accountId")}
			if provider == githubCopilot { // GitHub's own token, which does not run out
				return Login{Access: cmp.Or(l.Refresh, l.Access)}, nil
			}
			l.Expires = time.UnixMilli(o.number("expires"))
			return l, nil
		},
		update: func(file object, l Login, _ time.Time) error {
			o, err := file.get(provider)
			if err != nil {
				return err
			}
			if err := o.set(map[string]any{"access": l.Access, "refresh": l.Refresh, "expires": l.Expires.UnixMilli()}); err != nil {
				return err
			}
			return file.set(map[string]any{provider: o})
		},
		standIn: func(own object, l Login, host object, placeholder string) error {
			to := map[string]any{"type": "oauth", "access": placeholder, "refresh": "", "expires": far.Milliseconds()}
			if provider == githubCopilot {
				to["refresh"], to["expires"] = placeholder, 0
			}
			if l.Account != "" {
				to["accountId"] = l.Account
			}
			if from, err := host.get(provider); err == nil && from["enterpriseUrl"] != nil {
				to["enterpriseUrl"] = from["enterpriseUrl"]
			}
			return own.set(map[string]any{provider: to})
		},
		access: func(file object) string {
			o, err := file.get(provider)
			if err != nil {
				return "?"
			}
			if key := o.text("key"); key != "" {
				return key
			}
			return o.text("access")
		},
		remove: func(file object) { delete(file, provider) },
	}
	if provider == openAI {
		f.Endpoint, f.form = "https://auth.openai.com/oauth/token", true
		f.fixed = map[string]string{"client_id": openAIClient}
	}
	return f
}
