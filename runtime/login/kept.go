package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"time"

	"github.com/jailed-claude/jailed-claude/internal/credential"
)

// Kept is the key of a jail in which the agent can log in: what comes of that
// stays outside, in a folder of its own, and is used from then on.
type Kept struct {
	// Own is the login that is made inside. Its folder need not exist.
	Own *Login
	// Before is what is used until there is one; nil for nothing.
	Before *Login
	// Anew: whoever made it makes it again where it has ended, when the service says
	// that there is none.
	Anew bool
}

// Key is the access token of the login that there is; empty where there is
// none.
func (k *Kept) Key(ctx context.Context) (string, error) {
	key, err := k.Own.Key(ctx)
	switch {
	case k.Anew && errors.Is(err, errEnded):
		return "", nil
	case !errors.Is(err, fs.ErrNotExist):
		return key, err
	case k.Before == nil:
		return "", nil
	}
	return k.Before.Key(ctx)
}

// Rejected says that the service did not take an access token.
func (k *Kept) Rejected(token string) {
	k.Own.Rejected(token)
	if k.Before != nil {
		k.Before.Rejected(token)
	}
}

// Keep writes down the login of an answer of the token endpoint to a request.
func (k *Kept) Keep(ctx context.Context, request, answer []byte) error {
	return k.Own.keep(ctx, request, answer)
}

// Refresh is the refresh token of the login that was made inside; empty where
// there is none.
func (k *Kept) Refresh() string {
	k.Own.mu.Lock()
	defer k.Own.mu.Unlock()
	l, err := k.Own.current()
	if err != nil {
		return ""
	}
	return l.Refresh
}

// Forget takes that login away.
func (k *Kept) Forget(ctx context.Context) error { return k.Own.forget(ctx) }

func (c *Login) keep(ctx context.Context, request, answer []byte) error {
	l, err := c.Format.Answered(credential.Login{}, answer, c.now())
	if err != nil {
		return err
	}
	l = c.Format.Asked(l, request)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	release, err := lock(ctx, c.Format, c.Dir, func() bool { return false })
	if err != nil {
		return err
	}
	defer release()
	if err := create(c.Format, c.file(), l, c.now()); err != nil {
		return err
	}
	c.unwritten, c.rejected, c.failedBy = nil, "", nil
	return nil
}

func (c *Login) forget(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	text, err := contents(c.file())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	release, err := lock(ctx, c.Format, c.Dir, func() bool { return false })
	if err != nil {
		return err
	}
	defer release()
	c.unwritten = nil
	rest, err := c.Format.Remove(text)
	switch {
	case err != nil:
		return fmt.Errorf("%q: %w", c.file(), err)
	case rest == nil:
		return os.Remove(c.file())
	}
	return replace(c.file(), rest)
}

// Claude is the login of Claude Code in a folder, at the service with a
// certificate of the system's, as a program of this host reaches it.
func Claude(dir string) *Login {
	f, _ := credential.Named(credential.Claude)
	return &Login{Format: f, Dir: dir, Transport: NewTransport(nil, http.ProxyFromEnvironment)}
}

// revokeTime is how long the service has to end a login.
const revokeTime = 10 * time.Second

// Revoke ends the login at the service, at the address that endpoint says, and
// takes it away here, whatever the service says.
func (c *Login) Revoke(ctx context.Context, endpoint string) error {
	l, err := Read(c.Format, c.Dir)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, revokeTime)
	defer cancel()
	body, err := json.Marshal(map[string]string{"token": l.Refresh, "token_type_hint": "refresh_token", "client_id": c.Format.Client()})
	if err != nil {
		return err
	}
	status, _, failed := c.post(ctx, endpoint, "application/json", body)
	if failed == nil && status/100 != 2 {
		failed = fmt.Errorf("the service answered with status %d", status)
	}
	if err := c.forget(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	if failed != nil {
		return &revokeError{Err: failed}
	}
	return nil
}

// revokeError is returned where a login is not here any more, and may be good
// at the service.
type revokeError struct{ Err error }

func (e *revokeError) Error() string {
	return fmt.Sprintf("the service did not say that it ended the login, which may work until you end it there: %v", e.Err)
}

// Unwrap returns the cause.
func (e *revokeError) Unwrap() error { return e.Err }
