package spec

import (
	"slices"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// TestAuthorities: a program trusts in a jail whom it trusts outside: each variable
// that names certificates leads to the same ones, where the jail has them.
func TestAuthorities(t *testing.T) {
	in := valid()
	in.Policy.Agent.Key = "none"
	in.Host.CAFile, in.Host.ExtraCAFile = "/h/ca.crt", "/h/corp.pem"
	in.Host.CAVariables = map[string]string{"REQUESTS_CA_BUNDLE": "/h/corp.pem", "CURL_CA_BUNDLE": "/h/ca.crt", "PIP_CERT": "/h/third.pem"}
	j := mustBuild(t, in)
	if j.Network != nil && len(j.Network.Hosts()) > 0 {
		t.Fatal("it has an authority of its own")
	}
	for v, want := range map[string]bool{
		"REQUESTS_CA_BUNDLE=" + contract.ExtraCertsPath: true, "CURL_CA_BUNDLE=" + contract.CertsPath: true, "NODE_EXTRA_CA_CERTS=" + contract.ExtraCertsPath: false, "PIP_CERT=/h/third.pem": false,
	} {
		if slices.Contains(j.Spec.Process.Env, v) != want {
			t.Errorf("%s: %v; %q", v, !want, j.Spec.Process.Env)
		}
	}
}
