package network

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Broker is one service whose requests are judged one by one, and that is
// mostly used with a key which never enters the jail.
// In the jail it is https://Host, with a certificate of the jail's own
// authority, and plain HTTP at URL. Placeholder stands for the key; the relay
// puts the key in its place and speaks TLS to Upstream.
type Broker struct {
	// Name is a DNS label in lower case.
	Name string `json:"name"`
	// Host is the service's own name. In the jail, port 443 of it is the
	// broker. Empty for none: URL is the only way to the broker then.
	Host string `json:"host,omitempty"`
	// Upstream is the real service, "https://HOST[:PORT][/PATH]".
	Upstream string `json:"upstream"`
	// Header is the only request header in which the placeholder is replaced.
	Header string `json:"header,omitempty"`
	// From says where the key comes from, outside: "env:NAME", "file:PATH",
	// "command:PROGRAM ARGUMENTS", or FromLogin and a login (Login). Without it
	// there is no key, and credentials of the jail's own pass.
	From string `json:"from,omitempty"`
	// TTL is how long the key that a command prints is used, "10m". After that the
	// command is asked again. Empty: as long as the jail runs.
	TTL string `json:"ttl,omitempty"`
	// As is the broker whose placeholder this one takes, where one key is for
	// several services. Empty for its own.
	As string `json:"as,omitempty"`
	// Prefix is what the placeholder begins with, where agents look at that.
	Prefix string `json:"prefix,omitempty"`
	// Open: requests without the placeholder pass as they are. The jail reaches
	// the service by the rules as well, for other things.
	Open bool `json:"open,omitempty"`
	// Keep is the folder, outside, of the login that is made in the jail, which
	// is used in the place of From from then on. With From the same there may be
	// no login yet: until there is one, credentials of the jail's own pass.
	Keep string `json:"keep,omitempty"`
	// LogIn is the token endpoint, "https://HOST/PATH", of the logins that programs
	// of the jail make for this service: they are kept, and used, outside.
	LogIn string `json:"login,omitempty"`
	// Tokens: this service gives out logins, which stay outside.
	Tokens *Tokens `json:"tokens,omitempty"`
	// Env names the variable that holds the placeholder in the jail, URLEnv
	// the one that holds URL; empty for none.
	Env    string `json:"env,omitempty"`
	URLEnv string `json:"urlEnv,omitempty"`
	// Paths are the only paths that are passed on: one that ends in "/" is
	// that of everything below it. Empty means all.
	Paths []string `json:"paths,omitempty"`
	// Allow are the only requests that are passed on (ParseRequestRule). Empty
	// means all.
	Allow []string `json:"allow,omitempty"`
	// Upgrade are the protocols that a request may change to: UpgradeWebSocket.
	// What is said in them is not looked at.
	Upgrade []string `json:"upgrade,omitempty"`
}

// Tokens is how a service gives out logins (RFC 6749, 3.2; RFC 7009).
type Tokens struct {
	// For is the broker whose key they are, which has Keep.
	For string `json:"for"`
	// Path is where it gives them out, Revoke where it ends them.
	Path   string `json:"path"`
	Revoke string `json:"revoke,omitempty"`
}

// UpgradeWebSocket in Broker.Upgrade stands for RFC 6455.
const UpgradeWebSocket = "websocket"

// FromLogin begins the From of a broker whose key is the access token of a
// login, which is refreshed when it runs out.
const FromLogin = "login:"

// maxBrokers is how many fit below FirstName.
const maxBrokers = 200

// AnthropicBroker is the name of the broker that a jail gets by itself when
// the caller has a key for the Anthropic API.
const AnthropicBroker = "anthropic"

// BrokerAddr is the address of the broker with this index, in every jail.
func BrokerAddr(index int) netip.Addr {
	a := Gateway.As4()
	a[3] += byte(1 + index)
	return netip.AddrFrom4(a)
}

// Inside is the broker's name in the jail's /etc/hosts. ".internal" is reserved
// for private use (ICANN, 2024).
func (b Broker) Inside() string { return b.Name + brokerDomain }

const brokerDomain = ".broker.internal"

// URL is the broker's address for programs in the jail.
func (b Broker) URL() string { return "http://" + b.Inside() }

// Login is the format of the login that From names, empty for Claude Code's, and
// the folder that it lies in: "login:FOLDER" or "login:FORMAT:FOLDER".
func (b Broker) Login() (format, dir string, ok bool) {
	rest, ok := strings.CutPrefix(b.From, FromLogin)
	if !ok {
		return "", "", false
	}
	if name, dir, found := strings.Cut(rest, ":"); found && !strings.ContainsAny(name, "/~") {
		return name, dir, true
	}
	return "", rest, true
}

// NoLogin tells whether there need not be a login yet.
func (b Broker) NoLogin() bool {
	_, dir, ok := b.Login()
	return ok && dir == b.Keep
}

// Placeholder stands for the key inside. It is no secret: only brokers of the
// same jail take it.
func (b Broker) Placeholder() string {
	name := b.Name
	if b.As != "" {
		name = b.As
	}
	return b.Prefix + "placeholder-for-the-" + name + "-key-which-stays-outside-of-this-jail"
}

// Allows reports whether requests for this URL path are passed on.
func (b Broker) Allows(path string) bool {
	if len(b.Paths) == 0 {
		return true
	}
	for _, p := range b.Paths {
		if path == p || strings.HasSuffix(p, "/") && strings.HasPrefix(path, p) {
			return true
		}
	}
	return false
}

// Complete fills in what follows from Host: the name and the upstream.
func (b Broker) Complete() Broker {
	if b.Host != "" && b.Name == "" {
		b.Name = strings.ReplaceAll(strings.TrimPrefix(b.Host, "*."), ".", "-")
	}
	if b.Host != "" && b.Upstream == "" {
		b.Upstream = "https://" + strings.TrimPrefix(b.Host, "*.")
	}
	if (b.Signs() || b.LogIn != "") && b.Header == "" {
		b.Header = "Authorization"
	}
	if b.Signs() && b.Env == "" {
		b.Env = AWSKeyID
	}
	return b
}

// OwnHost is the name that Host is by default: that of the upstream, if the
// broker can stand for all of it. Empty if it cannot.
func (b Broker) OwnHost() string {
	u, err := url.Parse(b.Upstream)
	if err != nil || u.Path != "" && u.Path != "/" || u.Port() != "" && u.Port() != strconv.Itoa(HTTPSPort) {
		return ""
	}
	if name, ok := Normal(u.Hostname()); ok && strings.Contains(name, ".") {
		return name
	}
	return ""
}

// Check reports the first thing that is wrong with b.
func (b Broker) Check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("broker %q: %s", b.Name, fmt.Sprintf(format, args...))
	}
	switch {
	case b.Name == "" && b.Upstream == "":
		return bad("it has no host: write host = \"api.example.com\"")
	case b.Name == "":
		return bad("it has no name, and no host that one could be made of: write name = \"npm\"")
	case !isLabel(b.Name) || b.Name != strings.ToLower(b.Name):
		return bad("the name is not a DNS label in lower case")
	}
	u, err := url.Parse(b.Upstream)
	switch {
	case err != nil || u.Scheme != "https" || u.Hostname() == "":
		return bad("upstream %q is not https://HOST", b.Upstream)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return bad("upstream %q has more than a host, a port and a path", b.Upstream)
	}
	if b.Host != "" {
		host := b.Host
		if b.Signs() {
			host = strings.TrimPrefix(host, "*.")
		}
		if normal, ok := Normal(host); !ok || normal != host || !strings.Contains(host, ".") || strings.HasSuffix(host, brokerDomain) {
			return bad("host %q is not the full name of a service, in lower case", b.Host)
		}
	}
	for _, u := range b.Upgrade {
		if u != UpgradeWebSocket {
			return bad("upgrade %q is not known: write %q", u, UpgradeWebSocket)
		}
	}
	for _, p := range b.Paths {
		if !strings.HasPrefix(p, "/") || strings.ContainsAny(p, "?#%\x00") || strings.Contains(p, "/../") {
			return bad("path %q does not begin with a slash, or is no plain path", p)
		}
	}
	for _, r := range b.Allow {
		if _, err := ParseRequestRule(r); err != nil {
			return bad("allow: %v", err)
		}
	}
	if len(b.Paths) > 0 && len(b.Allow) > 0 {
		return bad("it has paths and allow: write all as allow, \"* /v1/**\"")
	}
	if problem := b.checkTokens(); problem != "" {
		return bad("%s", problem)
	}
	if problem := b.checkKey(); problem != "" {
		return bad("%s", problem)
	}
	return nil
}

// checkTokens says what is wrong with how logins are kept.
func (b Broker) checkTokens() string {
	if _, _, login := b.Login(); b.Keep != "" && (!login || !strings.HasPrefix(b.Keep, "/")) {
		return "it keeps logins, and has none"
	}
	if b.Tokens == nil {
		return ""
	}
	for _, p := range []string{b.Tokens.Path, b.Tokens.Revoke} {
		if p != "" && (!strings.HasPrefix(p, "/") || strings.ContainsAny(p, "?#%\x00")) {
			return fmt.Sprintf("tokens: path %q is no plain path", p)
		}
	}
	if b.From != "" && b.Tokens.For != b.Name || b.Tokens.For == "" || b.Tokens.Path == "" {
		return "tokens: it has a key of another, or does not say whose tokens they are and where they come from"
	}
	return ""
}

// checkKey says what is wrong with where the key comes from and goes.
func (b Broker) checkKey() string {
	if b.LogIn != "" {
		if problem := b.checkLogIn(); problem != "" || b.From == "" {
			return problem
		}
	}
	if b.From == "" {
		switch {
		case b.Header != "" || b.Env != "" || b.TTL != "":
			return `it has no key for its header, its variable or its ttl: write from = "env:NAME"`
		case len(b.Allow)+len(b.Paths) == 0 && b.Tokens == nil:
			return `it has neither a key nor rules: write from = "env:NAME" or allow = ["GET /**"]`
		}
		return ""
	}
	if b.Signs() && (b.Host == "" || b.Header != "Authorization" || b.URLEnv != "" || len(b.Upgrade) > 0) {
		return "a broker that signs has a host, and neither a header nor a URL of its own"
	}
	if b.Header == "" || strings.Trim(b.Header, tokenChars) != "" || strings.EqualFold(b.Header, "Host") {
		return fmt.Sprintf("header %q is not the name of a header that can hold a key", b.Header)
	}
	kind, value, _ := strings.Cut(b.From, ":")
	if strings.TrimSpace(value) == "" || strings.ContainsAny(value, "\x00\n\r") {
		return fmt.Sprintf("from %q says nothing: write \"env:NAME\", \"file:PATH\" or \"command:PROGRAM ARGUMENTS\"", b.From)
	}
	switch kind {
	case "env", "aws":
	case "command":
		return b.checkTTL()
	case "file", "login":
		if _, dir, ok := b.Login(); ok {
			value = dir
		}
		if !strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "~/") {
			return fmt.Sprintf("from %q: the path is not absolute", b.From)
		}
	default:
		return fmt.Sprintf("from %q is not \"env:NAME\", \"file:PATH\" or \"command:PROGRAM ARGUMENTS\"", b.From)
	}
	if b.TTL != "" {
		return fmt.Sprintf("it has a ttl, and its key comes from %q: only a command can be asked again, from = \"command:PROGRAM ARGUMENTS\"", b.From)
	}
	return ""
}

// tokenChars are what a header's name is made of, less what no key's header
// has (RFC 9110, 5.6.2).
const tokenChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
