package account

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/beneath"
	"github.com/jailed-claude/jailed-claude/spec/claude/folder"
)

// standInExpiry is far ahead: the agent in the jail never refreshes.
const standInExpiry = 4102444800000 // 2100, in milliseconds

// oauth is what of a login stands for it in a jail. No token is in it.
type oauth struct {
	AccessToken      string          `json:"accessToken"`
	RefreshToken     string          `json:"refreshToken"`
	ExpiresAt        int64           `json:"expiresAt"`
	Scopes           json.RawMessage `json:"scopes,omitempty"`
	SubscriptionType json.RawMessage `json:"subscriptionType,omitempty"`
	RateLimitTier    json.RawMessage `json:"rateLimitTier,omitempty"`
}

// credentials is the file.
type credentials struct {
	OAuth *oauth `json:"claudeAiOauth"`
}

// Has reports whether the host has a login that a jail can use. The error
// says why it cannot be read, and nothing of what is in it.
func Has(h folder.Host) (bool, error) {
	o, err := login(h)
	return o != nil && (o.RefreshToken != "" || o.ExpiresAt > 0), err
}

// login is the host's, nil where there is none.
func login(h folder.Host) (*oauth, error) {
	f, err := h.Read(folder.LoginJSON, folder.MaxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var c credentials
	if json.Unmarshal(f.Data, &c) != nil {
		return nil, errors.New("it is no JSON, or its login has another form")
	}
	if c.OAuth == nil || c.OAuth.AccessToken == "" {
		return nil, nil
	}
	return c.OAuth, nil
}

// Own reports whether a private configuration has a login that was made
// inside, or copied: it is what the agent uses then.
func Own(private, placeholder string) bool {
	text, err := os.ReadFile(filepath.Join(private, folder.LoginJSON))
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	var c credentials
	if json.Unmarshal(text, &c) != nil {
		return true
	}
	return c.OAuth != nil && c.OAuth.AccessToken != "" && c.OAuth.AccessToken != placeholder
}

// StandIn puts a placeholder into a private configuration in the place of the
// host's login, with what the agent shows and asks for by it. With use false
// it takes such a placeholder away. A login that was made inside stays, and so
// do those of MCP servers, which are in the same file.
func StandIn(h folder.Host, private, placeholder string, use bool) error {
	if Own(private, placeholder) {
		return nil
	}
	dir, err := beneath.Dir(private)
	if errors.Is(err, fs.ErrNotExist) && !use {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	old, _, err := beneath.Read(dir, folder.LoginJSON, folder.MaxFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	all := map[string]json.RawMessage{}
	if len(old) > 0 && json.Unmarshal(old, &all) != nil {
		return errors.New(folder.LoginJSON + " of the private configuration is no JSON object")
	}
	delete(all, loginMember)
	if use {
		host, err := login(h)
		if err != nil {
			return err
		}
		if host == nil {
			return ErrNoLogin
		}
		host.AccessToken, host.RefreshToken, host.ExpiresAt = placeholder, "", standInExpiry
		if all[loginMember], err = json.Marshal(host); err != nil { //nolint:gosec // the token in it is the placeholder
			return err
		}
	}
	if len(all) == 0 {
		if err := unix.Unlinkat(int(dir.Fd()), folder.LoginJSON, 0); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("remove the placeholder of a login: %w", err)
		}
		return nil
	}
	text, err := json.Marshal(all)
	if err != nil || bytes.Equal(text, old) {
		return err
	}
	return beneath.Replace(dir, folder.LoginJSON, text, 0o600)
}

// loginMember is the login in the file.
const loginMember = "claudeAiOauth"
