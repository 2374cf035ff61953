package login

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	"github.com/jailed-claude/jailed-claude/internal/credential"
)

const (
	// early is how long before its end a token is refreshed.
	early = 5 * time.Minute
	// refreshTime is how long a refresh has, locks included.
	refreshTime = 90 * time.Second
	// pause is how long a refresh that failed is not tried again.
	pause = 10 * time.Second
	// maxAnswer is far more than an answer ever has.
	maxAnswer = 64 << 10
)

// errEnded is returned where the service does not take the refresh token any
// more; the error says whose.
var errEnded = errors.New("log in again")

// Login is a login in a configuration folder. Its methods can be called from any
// goroutine.
type Login struct {
	// Format is that of the file, Dir the folder.
	Format credential.Format
	Dir    string
	// What names it in errors: "the login of the host".
	What string
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
	unwritten *credential.Login
	replaced  string
	// failed is when the last refresh did, and why.
	failed   time.Time
	failedBy error
	// patience is refreshTime; tests have less.
	patience time.Duration
	// write is write; tests have others.
	write func(name string, l credential.Login) error
}

// NewTransport speaks, by way of a proxy if there is one, to a service that has a
// certificate of roots (PEM), nil for the system's, when it is first used.
func NewTransport(roots []byte, proxy func(*http.Request) (*url.URL, error)) http.RoundTripper {
	return &transport{make: sync.OnceValue(func() *http.Transport {
		t := &http.Transport{
			Proxy:           proxy,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: 30 * time.Second, ForceAttemptHTTP2: true,
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
func (c *Login) Key(ctx context.Context) (string, error) {
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
	if have.Left(now) > early && have.Access != c.rejected {
		return have.Access, nil
	}
	if have.Refresh == "" {
		if have.Left(now) > 0 {
			return have.Access, nil
		}
		return "", c.ended()
	}
	if c.failedBy == nil || now.Sub(c.failed) > pause || now.Before(c.failed) {
		// The request that asks may be given up, the refresh may not.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cmp.Or(c.patience, refreshTime))
		defer cancel()
		var fresh credential.Login
		if fresh, c.failedBy = c.refresh(ctx, have); c.failedBy == nil {
			return fresh.Access, nil
		}
		c.failed = now
	}
	if have.Left(now) > 0 && have.Access != c.rejected {
		return have.Access, nil
	}
	return "", c.failedBy
}

// Rejected says that the service did not take an access token. A service that
// takes none, or a jail that asks for what it may not, leads to few refreshes.
func (c *Login) Rejected(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.forced) > refreshTime || now.Before(c.forced) {
		c.rejected, c.forced = token, now
	}
}

func (c *Login) file() string { return filepath.Join(c.Dir, c.Format.File) }

func (c *Login) what() string { return cmp.Or(c.What, "the login of the host") }

func (c *Login) ended() error { return fmt.Errorf("%s has ended: %w", c.what(), errEnded) }

func (c *Login) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// refresh gets a new access token, unless somebody else has meanwhile.
func (c *Login) refresh(ctx context.Context, had credential.Login) (credential.Login, error) {
	var have credential.Login
	var err error
	done := func() bool {
		have, err = c.current()
		return err == nil && have.Access != had.Access && have.Left(c.now()) > early
	}
	release, failed := lock(ctx, c.Format, c.Dir, done)
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
		c.replaced = have.Access
	}
	c.unwritten = &fresh
	c.save()
	return fresh, nil
}

// current is the login as it is: in the file, or what is to be written there
// as long as nobody else has written another.
func (c *Login) current() (credential.Login, error) {
	_, have, err := read(c.Format, c.file())
	if c.unwritten != nil && (err != nil || have.Access == c.replaced) {
		return *c.unwritten, nil //nolint:nilerr // a file that cannot be read is no newer login
	}
	c.unwritten = nil
	return have, err
}

// save writes what is not written yet. If that fails it is kept.
func (c *Login) save() {
	do := c.write
	if do == nil {
		do = func(name string, l credential.Login) error { return write(c.Format, name, l, c.now()) }
	}
	if do(c.file(), *c.unwritten) == nil {
		c.unwritten = nil
	}
}

// writeBack tries again to write what could not be written.
func (c *Login) writeBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	release, err := lock(ctx, c.Format, c.Dir, func() bool { return false })
	if err != nil {
		return
	}
	defer release()
	if _, err := c.current(); err == nil && c.unwritten != nil {
		c.save()
	}
}

// ask sends the refresh token.
func (c *Login) ask(ctx context.Context, have credential.Login) (credential.Login, error) {
	kind, body, err := c.Format.Request(have)
	if err != nil {
		return have, err
	}
	status, text, err := c.post(ctx, cmp.Or(c.Endpoint, c.Format.Endpoint), kind, body)
	switch {
	case err != nil:
		return have, fmt.Errorf("refresh %s: %w", c.what(), err)
	case status == http.StatusBadRequest || status == http.StatusUnauthorized || status == http.StatusForbidden:
		return have, c.ended()
	case status != http.StatusOK:
		return have, fmt.Errorf("refresh %s: the service answered with status %d", c.what(), status)
	}
	fresh, err := c.Format.Answered(have, text, c.now())
	if err != nil {
		err = fmt.Errorf("refresh %s: %w", c.what(), err)
	}
	return fresh, err
}

// post sends one request, and follows no redirects with what is in it.
func (c *Login) post(ctx context.Context, endpoint, kind string, body []byte) (status int, text []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", kind)
	transport := c.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	// Not a Client: it would follow redirects with the token.
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	text, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, text, err
}
