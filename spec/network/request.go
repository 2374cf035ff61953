package network

import (
	"fmt"
	"strings"
)

// RequestRule is one element of a broker's "allow": a method and a path.
type RequestRule struct {
	method string // "*" for all
	// parts are what is between the slashes of the path: "*" stands for one,
	// "**" for one or more.
	parts []string
}

// ParseRequestRule reads an element of a broker's "allow":
//
//	GET /**                       every path; GET stands for HEAD, too
//	POST /repos/ada/site/pulls    this path
//	* /repos/*/site/**            every method, and what is below such a path
func ParseRequestRule(s string) (RequestRule, error) {
	bad := func(problem string) (RequestRule, error) {
		return RequestRule{}, fmt.Errorf("rule %q: %s", s, problem)
	}
	method, path, ok := strings.Cut(s, " ")
	if !ok || !strings.HasPrefix(path, "/") {
		return bad(`write a method and a path, as "GET /repos/**"`)
	}
	if method != "*" && strings.Trim(method, methodChars) != "" || method == "" {
		return bad(`the method is not in upper case, nor "*"`)
	}
	if strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`?#%\;`, r) }) {
		return bad("the path has characters that do not belong there: write it decoded, without a query")
	}
	parts := strings.Split(path[1:], "/")
	for i, part := range parts {
		switch {
		case part == "." || part == ".." || part == "" && i < len(parts)-1:
			return bad("the path has empty or dotted parts")
		case strings.Contains(part, "*") && part != "*" && part != "**":
			return bad("a star stands for a whole part of the path")
		}
	}
	return RequestRule{method, parts}, nil
}

// methodChars are those of the methods that there are.
const methodChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZ-"

// Allows reports whether the rule is of a request for a decoded path in its
// shortest form.
func (r RequestRule) Allows(method, path string) bool {
	return r.isOf(method) && matchParts(r.parts, strings.Split(strings.TrimPrefix(path, "/"), "/"))
}

// AllowsAll reports whether the rule is of every path.
func (r RequestRule) AllowsAll(method string) bool {
	return r.isOf(method) && len(r.parts) == 1 && r.parts[0] == "**"
}

func (r RequestRule) isOf(method string) bool {
	// HEAD is GET without the content (RFC 9110, 9.3.2).
	return r.method == "*" || r.method == method || r.method == "GET" && method == "HEAD"
}

func matchParts(rule, path []string) bool {
	for i, want := range rule {
		if want == "**" {
			for n := i + 1; n <= len(path); n++ {
				if matchParts(rule[i+1:], path[n:]) {
					return true
				}
			}
			return false
		}
		if i >= len(path) || want != path[i] && (want != "*" || path[i] == "") {
			return false
		}
	}
	return len(rule) == len(path)
}
