package upstream

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/proxy"
)

// maxAnswer is the longest header of an answer that is read.
const maxAnswer = 16 << 10

// past is a deadline that is over.
var past = time.Unix(1, 0)

// refusedError is that of a proxy that was reached, and did not connect.
type refusedError struct {
	// Proxy is without name and password.
	Proxy, Target string
	// Status of the answer to CONNECT; 0 for SOCKS.
	Status int
	Why    string
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("the proxy %s did not connect to %s: %s", e.Proxy, e.Target, e.Why)
}

func (p *Proxy) refused(target string, status int, why string) error {
	return &refusedError{p.String(), target, status, why}
}

// connect asks with CONNECT (RFC 9110, 9.3.6).
func (p *Proxy) connect(_ context.Context, c net.Conn, target string) error {
	request := "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n"
	if u := p.url.User; u != nil {
		password, _ := u.Password()
		request += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)) + "\r\n"
	}
	if _, err := io.WriteString(c, request+"\r\n"); err != nil {
		return p.refused(target, 0, err.Error())
	}
	header, err := header(c)
	if err != nil {
		return p.refused(target, 0, "no answer: "+err.Error())
	}
	answer, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(header)), &http.Request{Method: http.MethodConnect}) //nolint:bodyclose // a header is all that was read
	switch {
	case err != nil:
		return p.refused(target, 0, "its answer is no HTTP")
	case answer.StatusCode/100 == 2:
		return nil
	case answer.StatusCode == http.StatusProxyAuthRequired && p.url.User == nil:
		return p.refused(target, answer.StatusCode, "it wants a name and a password (407): write them into HTTPS_PROXY, http://NAME:PASSWORD@HOST:PORT")
	}
	// What else it says may be anything.
	return p.refused(target, answer.StatusCode, fmt.Sprintf("it answered %d %s", answer.StatusCode, http.StatusText(answer.StatusCode)))
}

// header reads up to an empty line, and no byte further: what follows is the
// target's.
func header(r io.Reader) ([]byte, error) {
	var text []byte
	one := make([]byte, 1)
	for len(text) < maxAnswer {
		if _, err := io.ReadFull(r, one); err != nil {
			return nil, err
		}
		if text = append(text, one[0]); bytes.HasSuffix(text, []byte("\r\n\r\n")) || bytes.HasSuffix(text, []byte("\n\n")) {
			return text, nil
		}
	}
	return nil, errors.New("its header does not end")
}

// there is a dialer that has connected already.
type there struct{ c net.Conn }

func (t there) Dial(string, string) (net.Conn, error) { return t.c, nil }
func (t there) DialContext(context.Context, string, string) (net.Conn, error) {
	return t.c, nil
}

// socks asks by SOCKS 5 (RFC 1928).
func (p *Proxy) socks(ctx context.Context, c net.Conn, target string) error {
	var auth *proxy.Auth
	if u := p.url.User; u != nil {
		password, _ := u.Password()
		auth = &proxy.Auth{User: u.Username(), Password: password}
	}
	d, err := proxy.SOCKS5("tcp", p.address(), auth, there{c})
	if err == nil {
		with, ok := d.(proxy.ContextDialer)
		if !ok {
			return errors.ErrUnsupported // it is one
		}
		_, err = with.DialContext(ctx, "tcp", target)
	}
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op.Err // the rest says the same
		}
		return p.refused(target, 0, err.Error())
	}
	return nil
}
