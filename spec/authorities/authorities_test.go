package authorities

import (
	"maps"
	"slices"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// TestNamed: one file crosses besides the system's, and a variable leads to the same
// authorities inside as outside, or nowhere.
func TestNamed(t *testing.T) {
	const system, corp, third = "/h/ca.crt", "/h/corp.pem", "/h/third.pem"
	for name, c := range map[string]struct {
		env    map[string]string
		extra  string
		inside map[string]string
	}{
		"none":          {nil, "", nil},
		"the system's":  {map[string]string{"CURL_CA_BUNDLE": system}, "", map[string]string{"CURL_CA_BUNDLE": contract.CertsPath}},
		"one of Python": {map[string]string{"REQUESTS_CA_BUNDLE": corp}, corp, map[string]string{"REQUESTS_CA_BUNDLE": contract.ExtraCertsPath}},
		"the first of three": {
			map[string]string{"CURL_CA_BUNDLE": system, "CARGO_HTTP_CAINFO": corp, "GIT_SSL_CAINFO": corp, "PIP_CERT": third},
			corp,
			map[string]string{"CURL_CA_BUNDLE": contract.CertsPath, "CARGO_HTTP_CAINFO": contract.ExtraCertsPath, "GIT_SSL_CAINFO": contract.ExtraCertsPath},
		},
		"Node's before others": {
			map[string]string{"AWS_CA_BUNDLE": third, "NODE_EXTRA_CA_CERTS": corp}, corp, map[string]string{"NODE_EXTRA_CA_CERTS": contract.ExtraCertsPath},
		},
		"of no such program": {map[string]string{"OTHER_CA": corp}, "", nil},
	} {
		extra, all := Named(system, func(variable string) string { return c.env[variable] })
		if extra != c.extra {
			t.Errorf("%s: the extra one is %q", name, extra)
		}
		if got := Inside(system, extra, all); !maps.Equal(got, c.inside) {
			t.Errorf("%s: inside %v", name, got)
		}
	}
	// With an authority of its own, what only adds leads to that, or to what it adds
	// outside, and all else to one file with everything.
	got := Decrypted(system, corp, map[string]string{"NODE_EXTRA_CA_CERTS": corp, "DENO_CERT": system, "CODEX_CA_CERTIFICATE": third, "PIP_CERT": third, "GIT_SSL_CAINFO": corp})
	for name, want := range map[string]string{
		"NODE_EXTRA_CA_CERTS": contract.ExtraCertsPath, "DENO_CERT": contract.CertsPath, "CODEX_CA_CERTIFICATE": contract.AuthorityPath,
		"PIP_CERT": contract.CertsPath, "GIT_SSL_CAINFO": contract.CertsPath, "AWS_CA_BUNDLE": contract.CertsPath,
	} {
		if got[name] != want {
			t.Errorf("%s=%s, want %s", name, got[name], want)
		}
	}
	if none := Decrypted("", "", nil); len(none) != len(Variables) || none["DENO_CERT"] != contract.AuthorityPath || none["PIP_CERT"] != contract.CertsPath {
		t.Errorf("a host without certificates: %v", none)
	}
	if !slices.IsSorted(Variables) {
		t.Errorf("not sorted: %q", Variables)
	}
}
