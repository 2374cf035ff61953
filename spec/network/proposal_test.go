package network

import "testing"

// TestNoRuleForMetadata: no rule is proposed that would give the agent the
// machine's own credentials.
func TestNoRuleForMetadata(t *testing.T) {
	for host, want := range map[string]bool{
		"169.254.169.254": false, "169.254.170.2": false, "fd00:ec2::254": false, "::ffff:169.254.169.254": false, "64:ff9b::a9fe:a9fe": false,
		"168.63.129.16": false, "100.100.100.200": false, "fe80::a9fe:a9fe": false,
		"10.1.2.3": true, "example.com": true, "192.168.1.1": true, "fd00::1": true,
	} {
		if got := Proposal(Verdict{}, host, 80); (got != "") != want {
			t.Errorf("%s: %q", host, got)
		}
	}
}

// TestNoRuleAgainstDeny: none helps there.
func TestNoRuleAgainstDeny(t *testing.T) {
	c, err := Config{Mode: Filtered, Via: ViaRedirect, TLS: TLSStrict, Deny: []string{"never.com"}}.Parse()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"never.com": "", "other.com": "other.com"} {
		if got := Proposal(c.Rules().Connect(name, HTTPSPort), name, HTTPSPort); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestProposalOfTheMachine: where its policy sets the list, none is proposed but one
// of it, and the reason says who forbids it.
func TestProposalOfTheMachine(t *testing.T) {
	for _, fixed := range [][]string{nil, {FixedPorts}, {FixedAllow}} {
		c := Config{Mode: Filtered, Via: ViaRedirect, TLS: TLSStrict, Allow: []string{"a.com"}, Fixed: fixed}
		for name, own := range map[string]bool{"a.com": true, "b.com": false} {
			why, got := c.Refused(Verdict{Why: "x"}, name, HTTPSPort)
			want := ""
			if own || len(fixed) == 0 || fixed[0] != FixedAllow {
				want = name
			}
			if got != want || (want == "") != (why == "x; "+ByMachine) {
				t.Errorf("%q: %s: %q, %q", fixed, name, why, got)
			}
		}
	}
}
