package network

import "testing"

func TestRequestRules(t *testing.T) {
	for rule, want := range map[string]struct{ yes, no []string }{
		"GET /**": {[]string{"GET /", "GET /a", "HEAD /a/b", "GET /a/"}, []string{"POST /", "get /a", "DELETE /a/b", "GETX /"}},
		"POST /repos/ada/site/pulls": {
			[]string{"POST /repos/ada/site/pulls"},
			[]string{"GET /repos/ada/site/pulls", "HEAD /repos/ada/site/pulls", "POST /repos/ada/site/pulls/", "POST /repos/ada/site/pulls/1", "POST /repos/Ada/site/pulls", "POST /"},
		},
		"* /repos/*/site/**": {
			[]string{"DELETE /repos/ada/site/x", "GET /repos/b/site/", "PUT /repos/b/site/c/d"},
			[]string{"GET /repos/b/site", "GET /repos//site/x", "GET /repos/a/b/site/x", "GET /repos/b/sites/x"},
		},
		"GET /a/**/z": {[]string{"GET /a/b/z", "GET /a/b/c/z", "GET /a/z/z"}, []string{"GET /a/z", "GET /a/b/z/", "GET /a/b/zz"}},
		"GET /":       {[]string{"GET /"}, []string{"GET /a"}},
		"GET /a/":     {[]string{"GET /a/"}, []string{"GET /a", "GET /a/b"}},
	} {
		r, err := ParseRequestRule(rule)
		if err != nil {
			t.Fatal(err)
		}
		for want, requests := range map[bool][]string{true: want.yes, false: want.no} {
			for _, q := range requests {
				var method, path string
				for i := range q {
					if q[i] == ' ' {
						method, path = q[:i], q[i+1:]
						break
					}
				}
				if r.Allows(method, path) != want {
					t.Errorf("%q, %q: not %v", rule, q, want)
				}
			}
		}
		if all := r.AllowsAll("GET"); all != (rule == "GET /**") {
			t.Errorf("%q: all: %v", rule, all)
		}
	}
	for _, bad := range []string{"", "GET", "/x", "GET x", "get /", " /x", "GET  /x", "GET /a//b", "GET /../b", "GET /a/./b", "GET /a?b", "GET /a%2fb", "GET /a*", "GET /***", `GET /a\b`, "GET /a;b", "GET /a b", "G\x00T /"} {
		if _, err := ParseRequestRule(bad); err == nil {
			t.Errorf("%q is a rule", bad)
		}
	}
}
