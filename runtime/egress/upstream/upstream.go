package upstream

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Variables that are read, in either case; the lower one first, as curl does.
const (
	https = "HTTPS_PROXY"
	plain = "HTTP_PROXY"
	all   = "ALL_PROXY"
	none  = "NO_PROXY"
)

// Proxies of a host. A nil one has none.
type Proxies struct {
	find func(*url.URL) (*url.URL, error)
	all  []*url.URL
}

// Proxy is one that stands between.
type Proxy struct{ url *url.URL }

// schemes are those that can be spoken, with the usual ports.
var schemes = map[string]string{"http": "80", "socks5": "1080", "socks5h": "1080"}

// Variables are those of an environment that New reads. Nil if it names no
// proxy.
func Variables(environment map[string]string) map[string]string {
	v := map[string]string{}
	for _, name := range []string{https, plain, all, none} {
		if value := cmp.Or(environment[strings.ToLower(name)], environment[name]); value != "" {
			v[name] = value
		}
	}
	if len(v) == 0 || len(v) == 1 && v[none] != "" {
		return nil
	}
	return v
}

// Checked are the variables of an environment that a jail with that network goes
// by; an error says which of them names no proxy.
func Checked(environment map[string]string, n *network.Network) (map[string]string, error) {
	if n == nil || n.Upstream == network.UpstreamNone {
		return nil, nil
	}
	v := Variables(environment)
	if _, err := New(v); err != nil {
		return nil, hint.Add(err, `to start without a proxy: network.upstream = "none" in your policy`)
	}
	return v, nil
}

// New reads variables. It is nil where there is no proxy.
func New(variables map[string]string) (*Proxies, error) {
	v := Variables(variables)
	if v == nil {
		return nil, nil
	}
	c := httpproxy.Config{HTTPProxy: cmp.Or(v[plain], v[all]), HTTPSProxy: cmp.Or(v[https], v[all]), NoProxy: v[none]}
	p := &Proxies{find: c.ProxyFunc()}
	for name, text := range map[string]string{plain: c.HTTPProxy, https: c.HTTPSProxy} {
		if text == "" {
			continue
		}
		if v[name] == "" {
			name = all
		}
		u, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if !slices.ContainsFunc(p.all, func(o *url.URL) bool { return o.String() == u.String() }) {
			p.all = append(p.all, u)
		}
	}
	slices.SortFunc(p.all, func(a, b *url.URL) int { return cmp.Compare(a.String(), b.String()) })
	return p, nil
}

// parse reads a proxy's URL; http is what it is without a scheme. The error does
// not show it: there may be a password in it.
func parse(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return nil, fmt.Errorf("it is not the URL of a proxy: write http://HOST:PORT")
	case schemes[u.Scheme] == "":
		return nil, fmt.Errorf("a proxy by %q is not spoken to: write http://HOST:PORT or socks5h://HOST:PORT", u.Scheme)
	}
	return u, nil
}

// Strings are the proxies, without names and passwords.
func (p *Proxies) Strings() (list []string) {
	if p == nil {
		return nil
	}
	for _, u := range p.all {
		list = append(list, (&Proxy{u}).String())
	}
	return list
}

// For is the proxy of connections to a host and a port; nil where they are made
// without one. Of port 80 it is that of HTTP_PROXY, of all others that of
// HTTPS_PROXY.
func (p *Proxies) For(host string, port uint16) *Proxy {
	if p == nil {
		return nil
	}
	scheme := "https"
	if port == 80 {
		scheme = "http"
	}
	u, err := p.find(&url.URL{Scheme: scheme, Host: net.JoinHostPort(host, strconv.Itoa(int(port)))})
	if err != nil || u == nil {
		return nil
	}
	return &Proxy{u}
}

// Resolve tells whether a proxy looks the name up.
func (p *Proxies) Resolve(name string) bool {
	via := p.For(name, network.HTTPSPort)
	return via != nil && via.Resolves()
}

// Request is a Proxy of net/http's Transport.
func (p *Proxies) Request(r *http.Request) (*url.URL, error) {
	if p == nil {
		return nil, nil
	}
	return p.find(r.URL)
}

// String is the proxy, without name and password.
func (p *Proxy) String() string { return p.url.Scheme + "://" + p.address() }

func (p *Proxy) address() string {
	return net.JoinHostPort(p.url.Hostname(), cmp.Or(p.url.Port(), schemes[p.url.Scheme]))
}

// Resolves tells whether the proxy is given names. By "socks5" it gets addresses, as from
// curl.
func (p *Proxy) Resolves() bool { return p.url.Scheme != "socks5" }

// Dial connects to the proxy, which is at an address as dial takes it, and has
// it connect to the target, "HOST:PORT". What comes back is the connection to
// the proxy, with no byte of the target's read.
func (p *Proxy) Dial(ctx context.Context, target string, dial func(ctx context.Context, address string) (*net.TCPConn, error)) (*net.TCPConn, error) {
	c, err := dial(ctx, p.address())
	if err != nil {
		return nil, fmt.Errorf("the proxy %s: %w", p, err)
	}
	// A context that ends has to end reading.
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(past) })
	ask := p.connect
	if p.url.Scheme != "http" {
		ask = p.socks
	}
	err = ask(ctx, c, target)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = c.SetLinger(0)
		_ = c.Close()
		return nil, err
	}
	return c, nil
}
