package needs

import (
	"net/url"
	"strings"
)

// proxy says by which proxies connections of jails go out. It has no word of
// their passwords.
func (p *probe) proxy() Need {
	n := Need{Name: "proxy", OK: true}
	var found []string
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"} {
		text := p.Env[strings.ToLower(name)]
		if text == "" {
			text = p.Env[name]
		}
		if text == "" {
			continue
		}
		if !strings.Contains(text, "://") {
			text = "http://" + text
		}
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "socks5" && u.Scheme != "socks5h" {
			n.OK, n.Detail = false, name+" is no proxy that jails can use: a jail does not start with it"
			n.Fix = []string{"export " + name + "=http://HOST:PORT   # or socks5h://HOST:PORT", `jailed-claude run    # or with network.upstream = "none" in your policy`}
			return n
		}
		found = append(found, name+" ("+u.Scheme+"://"+u.Host+")")
	}
	if len(found) == 0 {
		n.Detail = "none: connections of jails go out directly"
		return n
	}
	n.Detail = "connections of jails go out by " + strings.Join(found, ", ") + "; the proxy looks names up"
	return n
}
