package network

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Service is the login of a service, in the folder dir, as a From.
func Service(dir string) string { return FromLogin + serviceFormat + ":" + dir }

// serviceFormat is the one of credential.OAuth.
const serviceFormat = "oauth"

// Endpoint is the host and the path of LogIn.
func (b Broker) Endpoint() (host, path string) {
	u, err := url.Parse(b.LogIn)
	if err != nil {
		return "", ""
	}
	return u.Hostname(), u.Path
}

// checkLogIn says what is wrong with LogIn.
func (b Broker) checkLogIn() string {
	u, err := url.Parse(b.LogIn)
	host, path := b.Endpoint()
	name, ok := Normal(host)
	switch {
	case err != nil || u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" ||
		!ok || name != host || !strings.Contains(name, ".") || u.Port() != "" && u.Port() != strconv.Itoa(HTTPSPort):
		return fmt.Sprintf("login %q is no token endpoint: write \"https://HOST/PATH\", as the service's metadata has it (token_endpoint)", b.LogIn)
	case len(path) < 2 || u.RawPath != "" || strings.ContainsAny(path, "%\x00"):
		return fmt.Sprintf("login %q has no plain path", b.LogIn)
	case b.Host == "" && b.OwnHost() == "":
		return "login: it has no host: write the name of the service that the tokens are for"
	case b.Env != "" || b.TTL != "":
		return "login: its key is made inside: it has no env and no ttl"
	}
	if format, _, ok := b.Login(); b.From != "" && (!ok || format != serviceFormat) {
		return fmt.Sprintf("login: its key is made inside, and from %q is another: take one of them out", b.From)
	}
	return ""
}
