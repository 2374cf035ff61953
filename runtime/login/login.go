package login

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// What Claude Code 2.1.330 sends for a new access token.
const (
	Endpoint = "https://platform.claude.com/v1/oauth/token"
	clientID = "9d1c250a-e61b-44d9-88ed-5944d1962f5e"
	scopes   = "user:profile user:inference user:sessions:claude_code user:mcp_servers user:file_upload user:plugins"
)

const (
	// early is how long before its end a token is refreshed.
	early = 5 * time.Minute
	// refreshTime is how long a refresh has, locks included.
	refreshTime = 90 * time.Second
	// again is how long a refresh that failed is not tried again.
	again = 10 * time.Second
	// maxAnswer is far more than an answer ever has.
	maxAnswer = 64 << 10
)

// ErrEnded is returned where the service does not take the refresh token any more.
var ErrEnded = errors.New("the login of the host has ended: log in again there, with claude and /login")

// Claude is the login of Claude Code in a configuration folder. Its methods can
// be called from any goroutine.
type Claude struct {
	// Dir is the folder.
	Dir string
	// Transport speaks to the service. Nil is http.DefaultTransport, for tests.
	Transport http.RoundTripper
	// Endpoint is where tokens come from; empty for the real one.
	Endpoint string
	// Now is time.Now; tests have others.
	Now func() time.Time

	mu sync.Mutex
	// rejected is an access token that the service did not take.
	rejected string
	// forced is when that last led to a refresh.
	forced time.Time
	// unwritten came back from a refresh and is not in the file yet, which has
	// the access token replaced and a refresh token that is used up.
	unwritten *Credentials
	replaced  string
	// failed is when the last refresh did, and why.
	failed   time.Time
	failedBy error
	// write is write; tests have others.
	write func(name string, c Credentials) error
}

// NewTransport speaks to a service that has a certificate of roots (PEM), nil
// for the system's, when it is first used.
func NewTransport(roots []byte) http.RoundTripper {
	return &transport{make: sync.OnceValue(func() *http.Transport {
		t := &http.Transport{
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
			// No connection is kept for the next refresh, hours from now.
			DisableKeepAlives: true,
		}
		if roots != nil {
			t.TLSClientConfig.RootCAs = x509.NewCertPool()
			t.TLSClientConfig.RootCAs.AppendCertsFromPEM(roots)
		}
		return t
	})}
}

type transport struct{ make func() *http.Transport }

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) { return t.make().RoundTrip(r) }

// Key is an access token that is good for a while. No error has a token in it.
func (c *Claude) Key(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	have, err := c.current()
	if err != nil {
		return "", err
	}
	if c.unwritten != nil {
		c.writeBack(ctx)
	}
	if have.left(now) > early && have.AccessToken != c.rejected {
		return have.AccessToken, nil
	}
	if have.RefreshToken == "" {
		if have.left(now) > 0 {
			return have.AccessToken, nil
		}
		return "", ErrEnded
	}
	if c.failedBy == nil || now.Sub(c.failed) > again || now.Before(c.failed) {
		// The request that asks may be given up, the refresh may not.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshTime)
		defer cancel()
		var fresh Credentials
		if fresh, c.failedBy = c.refresh(ctx, have); c.failedBy == nil {
			return fresh.AccessToken, nil
		}
		c.failed = now
	}
	if have.left(now) > 0 && have.AccessToken != c.rejected {
		return have.AccessToken, nil
	}
	return "", c.failedBy
}

// Rejected says that the service did not take an access token. A service that
// takes none, or a jail that asks for what it may not, leads to few refreshes.
func (c *Claude) Rejected(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.forced) > refreshTime || now.Before(c.forced) {
		c.rejected, c.forced = token, now
	}
}

func (c *Claude) file() string { return filepath.Join(c.Dir, FileName) }

func (c *Claude) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// refresh gets a new access token, unless somebody else has meanwhile.
func (c *Claude) refresh(ctx context.Context, had Credentials) (Credentials, error) {
	names, err := locks(c.Dir)
	if err != nil {
		return had, err
	}
	var have Credentials
	done := func() bool {
		have, err = c.current()
		return err == nil && have.AccessToken != had.AccessToken && have.left(c.now()) > early
	}
	release, failed := lock(ctx, names, done)
	if errors.Is(failed, errDone) {
		return have, nil
	}
	if failed != nil {
		return had, failed
	}
	defer release()
	if done() {
		return have, nil
	}
	if err != nil {
		return had, err
	}
	fresh, err := c.ask(ctx, have)
	if err != nil {
		return had, err
	}
	c.rejected = ""
	if c.unwritten == nil {
		c.replaced = have.AccessToken
	}
	c.unwritten = &fresh
	c.save()
	return fresh, nil
}

// current is the login as it is: in the file, or what is to be written there
// as long as nobody else has written another.
func (c *Claude) current() (Credentials, error) {
	_, have, err := read(c.file())
	if c.unwritten != nil && (err != nil || have.AccessToken == c.replaced) {
		return *c.unwritten, nil //nolint:nilerr // a file that cannot be read is no newer login
	}
	c.unwritten = nil
	return have, err
}

// save writes what is not written yet. If that fails it is kept.
func (c *Claude) save() {
	do := c.write
	if do == nil {
		do = write
	}
	if do(c.file(), *c.unwritten) == nil {
		c.unwritten = nil
	}
}

// writeBack tries again to write what could not be written.
func (c *Claude) writeBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	names, err := locks(c.Dir)
	if err != nil {
		return
	}
	release, err := lock(ctx, names, func() bool { return false })
	if err != nil {
		return
	}
	defer release()
	if _, err := c.current(); err == nil && c.unwritten != nil {
		c.save()
	}
}

// ask sends the refresh token.
func (c *Claude) ask(ctx context.Context, have Credentials) (Credentials, error) {
	body, err := json.Marshal(map[string]string{"grant_type": "refresh_token", "refresh_token": have.RefreshToken, "client_id": clientID, "scope": scopes})
	if err != nil {
		return have, err
	}
	endpoint := c.Endpoint
	if endpoint == "" {
		endpoint = Endpoint
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(body))
	if err != nil {
		return have, err
	}
	r.Header.Set("Content-Type", "application/json")
	transport := c.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	// Not a Client: it would follow redirects with the token.
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return have, fmt.Errorf("refresh the login of the host: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return have, fmt.Errorf("refresh the login of the host: %w", err)
	}
	switch {
	case resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return have, ErrEnded
	case resp.StatusCode != http.StatusOK:
		return have, fmt.Errorf("refresh the login of the host: the service answered with status %d", resp.StatusCode)
	}
	var a struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		ExpiresIn    int64  `json:"expires_in"`
		Scope        string `json:"scope"`
	}
	if json.Unmarshal(text, &a) != nil || a.AccessToken == "" || a.ExpiresIn <= 0 {
		return have, errors.New("refresh the login of the host: the service's answer has no token")
	}
	fresh := have
	fresh.AccessToken, fresh.ExpiresAt = a.AccessToken, c.now().Add(time.Duration(a.ExpiresIn)*time.Second).UnixMilli()
	if a.RefreshToken != "" {
		fresh.RefreshToken = a.RefreshToken
	}
	if a.Scope != "" {
		fresh.Scopes = strings.Fields(a.Scope)
	}
	return fresh, nil
}
