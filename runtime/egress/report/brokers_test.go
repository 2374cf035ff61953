package report

import (
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/runtime/egress/broker"
)

// TestBrokers: a program that does not take a broker's certificate is named once, with
// what to do, and so is a key that could not be had; connections that were opened
// ahead are not.
func TestBrokers(t *testing.T) {
	const alert = "TLS with a program in the jail: remote error: tls: bad certificate"
	for name, c := range map[string]struct {
		whys    []string
		reached []Reached
		want    string
	}{
		"an alert":             {[]string{alert}, nil, "1 connection came to no request; the last: " + alert},
		"beside requests":      {[]string{broker.Silent, alert, broker.Silent}, []Reached{{Host: "x", Count: 9}}, "3 connections came to no request; the last: " + alert},
		"nothing asked at all": {[]string{broker.Silent, broker.Silent}, []Reached{{Host: "y", Count: 9}}, "2 connections came to no request; the last: " + broker.Silent},
		"opened ahead":         {[]string{broker.Silent}, []Reached{{Host: "x", Count: 1}}, ""},
		"none":                 {nil, nil, ""},
		"no key":               {[]string{broker.Silent, "!log in again", "!log in again"}, nil, "its key could not be had (2 times); the last: log in again\n"},
	} {
		s := Summary{Brokers: Brokers{}, Reached: c.reached}
		for _, why := range c.whys {
			why, keyless := strings.CutPrefix(why, "!")
			s.Brokers.Add("x", why, keyless)
		}
		var out strings.Builder
		s.Report(&out, true)
		if got := out.String(); (c.want == "") != (got == "") || !strings.Contains(got, c.want) || strings.Contains(got, "no request") && !strings.Contains(got, "or http://x.broker.internal") || strings.Count(got, "\n") > 1 {
			t.Errorf("%s: %q", name, got)
		}
	}
}
