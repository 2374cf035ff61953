package keys

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// patience is how long one exchange may take.
const patience = 5 * time.Second

// dial connects as programs of the jail do: by the proxy that their environment
// names, where there is one.
func dial(host string) (net.Conn, error) {
	address := net.JoinHostPort(host, "443")
	proxy, err := url.Parse(os.Getenv("HTTPS_PROXY"))
	if err != nil || proxy.Host == "" {
		c, err := net.DialTimeout("tcp", address, patience)
		if err == nil {
			_ = c.SetDeadline(time.Now().Add(patience))
		}
		return c, err
	}
	c, err := net.DialTimeout("tcp", proxy.Host, patience)
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, "CONNECT "+address+" HTTP/1.1\r\nHost: "+address+"\r\n\r\n"); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	// Nothing follows that is not the answer: TLS clients speak first.
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: http.MethodConnect}) //nolint:bodyclose // there is none
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("the proxy answered %d", resp.StatusCode)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// roots are what programs of the jail trust.
func roots() *x509.CertPool {
	pool := x509.NewCertPool()
	if text, err := os.ReadFile(bundle()); err == nil {
		pool.AppendCertsFromPEM(text)
	}
	return pool
}

// secured connects to a host with TLS, and asks for a name.
func secured(host, name string, protocols ...string) (*tls.Conn, error) {
	c, err := dial(host)
	if err != nil {
		return nil, err
	}
	t := tls.Client(c, &tls.Config{RootCAs: roots(), ServerName: name, NextProtos: protocols, MinVersion: tls.VersionTLS12})
	if err := t.Handshake(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return t, nil
}

// exchange sends text and returns all that comes back.
func exchange(host, text string) ([]byte, error) {
	c, err := secured(host, host)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(c, attack.Limit))
}

// leaks: an answer has the secret: as it is, in the content that a client makes
// of it, compressed, or in base64.
func leaks(e *attack.Env, raw []byte) bool {
	if e.IsSecret(raw) {
		return true
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), nil)
	if err != nil {
		return inWords(e, raw)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if z, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
		plain, _ := io.ReadAll(io.LimitReader(z, attack.Limit))
		body = append(append(body, ' '), plain...)
	}
	text := append(fmt.Appendf(nil, "%v %v ", resp.Header, resp.Trailer), body...)
	return e.IsSecret(text) || inWords(e, text)
}

// inWords: a word of a text is the base64 of the secret.
func inWords(e *attack.Env, text []byte) bool {
	for word := range strings.FieldsFuncSeq(string(text), func(r rune) bool { return strings.ContainsRune(" \t\r\n\",;[]<>", r) }) {
		if plain, err := base64.StdEncoding.DecodeString(word); err == nil && e.IsSecret(plain) {
			return true
		}
	}
	return false
}
