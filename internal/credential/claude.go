package credential

import (
	"encoding/json"
	"time"
)

// claudeMember is the part of Claude Code's file that is the login. MCP servers
// have others.
const claudeMember = "claudeAiOauth"

// claude is what Claude Code 2.1.330 writes and sends.
func claude() Format {
	return Format{
		Name: Claude, File: ".credentials.json", Endpoint: "https://platform.claude.com/v1/oauth/token", Locks: Folders,
		fixed: map[string]string{
			"client_id": "9d1c250a-e61b-44d9-88ed-5944d1962f5e",
			"scope":     "user:profile user:inference user:sessions:claude_code user:mcp_servers user:file_upload user:plugins",
		},
		parse: func(file object) (Login, error) {
			o, err := file.get(claudeMember)
			if err != nil {
				return Login{}, err
			}
			if len(o) > 0 && o.text("accessToken") == "" {
				return Login{}, errForm
			}
			l := Login{Access: o.text("accessToken"), Refresh: o.text("refreshToken"), Plan: o.text("subscriptionType")}
			// No end is an end that has come.
			l.Expires = time.UnixMilli(o.number("expiresAt"))
			_ = json.Unmarshal(o["scopes"], &l.Scopes) // the agent shows them, and that is all
			return l, nil
		},
		update: func(file object, l Login, _ time.Time) error {
			o, err := file.get(claudeMember)
			if err != nil {
				return err
			}
			if l.Scopes == nil {
				l.Scopes = []string{}
			}
			err = o.set(map[string]any{"accessToken": l.Access, "refreshToken": l.Refresh, "expiresAt": l.Expires.UnixMilli(), "scopes": l.Scopes})
			if err != nil {
				return err
			}
			return file.set(map[string]any{claudeMember: o})
		},
		// With what the agent shows and asks for by it. A placeholder that is
		// there already, from a login made inside, has more of that.
		standIn: func(own object, l Login, host object, placeholder string) error {
			from, err := host.get(claudeMember)
			if err != nil {
				return err
			}
			if mine, err := own.get(claudeMember); err == nil && mine.text("accessToken") == placeholder && l.Plan == "" {
				return nil
			}
			to := object{}
			for _, name := range []string{"scopes", "subscriptionType", "rateLimitTier"} {
				if from[name] != nil {
					to[name] = from[name]
				}
			}
			if err := to.set(map[string]any{"accessToken": placeholder, "refreshToken": "", "expiresAt": far.Milliseconds()}); err != nil {
				return err
			}
			return own.set(map[string]any{claudeMember: to})
		},
		access: func(file object) string {
			o, err := file.get(claudeMember)
			if err != nil {
				return "?"
			}
			return o.text("accessToken")
		},
		remove: func(file object) { delete(file, claudeMember) },
	}
}
