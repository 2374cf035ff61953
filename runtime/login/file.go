package login

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// FileName is the credential file in Claude Code's configuration folder.
const FileName = ".credentials.json"

// member is the part of it that is the login. MCP servers have others.
const member = "claudeAiOauth"

// maxFile is far more than the file ever has.
const maxFile = 1 << 20

// Credentials are a login, as the file has it.
type Credentials struct {
	AccessToken  string `json:"accessToken"`
	RefreshToken string `json:"refreshToken"`
	// ExpiresAt is in milliseconds since 1970.
	ExpiresAt int64 `json:"expiresAt"`
	// Scopes, SubscriptionType and RateLimitTier are not secret: the agent shows
	// the plan, and asks only for what it may do.
	Scopes           []string `json:"scopes"`
	SubscriptionType *string  `json:"subscriptionType"`
	RateLimitTier    *string  `json:"rateLimitTier"`
}

// left is how long the access token is good.
func (c Credentials) left(now time.Time) time.Duration {
	return time.UnixMilli(c.ExpiresAt).Sub(now)
}

// Read reads the login of a configuration folder. The error is fs.ErrNotExist
// where there is none. No error has anything of the file in it.
func Read(dir string) (Credentials, error) {
	_, c, err := read(filepath.Join(dir, FileName))
	return c, err
}

// read returns the whole file by its members, and the login in it.
func read(name string) (map[string]json.RawMessage, Credentials, error) {
	var c Credentials
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, c, err
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, c, os.NewSyscallError("fstat", err)
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return nil, c, fmt.Errorf("%q is no regular file", name)
	case st.Uid != uint32(os.Getuid()):
		return nil, c, fmt.Errorf("%q belongs to uid %d, not to you", name, st.Uid)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, c, err
	}
	var all map[string]json.RawMessage
	if len(text) > maxFile || json.Unmarshal(text, &all) != nil {
		return nil, c, fmt.Errorf("%q is no JSON object", name)
	}
	if all[member] == nil {
		return nil, c, fmt.Errorf("%q has no login: %w", name, os.ErrNotExist)
	}
	if json.Unmarshal(all[member], &c) != nil || c.AccessToken == "" {
		return nil, c, fmt.Errorf("%q has a login that cannot be read", name)
	}
	return all, c, nil
}

// write puts a login into the file, and leaves the rest of it as it is. The
// file is whole at every moment.
func write(name string, c Credentials) (err error) {
	all, _, err := read(name)
	if err != nil {
		return err
	}
	// Members of the login that this program does not know stay.
	var login map[string]json.RawMessage
	if err := json.Unmarshal(all[member], &login); err != nil {
		return fmt.Errorf("%q has a login that cannot be read", name)
	}
	for key, value := range map[string]any{"accessToken": c.AccessToken, "refreshToken": c.RefreshToken, "expiresAt": c.ExpiresAt, "scopes": c.Scopes} {
		if login[key], err = json.Marshal(value); err != nil {
			return err
		}
	}
	if all[member], err = json.Marshal(login); err != nil {
		return err
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if name, err = filepath.EvalSymlinks(name); err != nil {
		return err
	}
	temporary := name + ".tmp." + rand.Text()
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(temporary, name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return nil
}
