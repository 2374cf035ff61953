package host

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

const cacheKey = "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="

// TestNixCaches: what a jail learns of the host's nix.conf, and what not.
func TestNixCaches(t *testing.T) {
	const secret = "PLANTED-SECRET"
	for _, c := range []struct {
		name, config, conf string
		substituters, keys []string
		warning            string
	}{
		{name: "nothing is known"},
		{name: "effective settings", config: `{"substituters":{"value":["https://cache.nixos.org/","https://c.example.org?priority=30"]},"trusted-public-keys":{"value":["` + cacheKey + `"]},
			"access-tokens":{"value":{"github.com":"` + secret + `"}},"netrc-file":{"value":"/` + secret + `"}}`,
			substituters: []string{"https://cache.nixos.org/", "https://c.example.org?priority=30"}, keys: []string{cacheKey}},
		{name: "file", conf: "substituters = https://a.example.org https://b.example.org # ours\naccess-tokens = github.com=" + secret + "\nnetrc-file = /" + secret +
			"\n!include /" + secret + "\ninclude " + secret + "\nextra-substituters = https://c.example.org\ntrusted-public-keys = " + cacheKey + "\n",
			substituters: []string{"https://a.example.org", "https://b.example.org", "https://c.example.org"}, keys: []string{cacheKey}},
		{name: "file, older names", conf: "binary-caches = https://a.example.org\nbinary-cache-public-keys = " + cacheKey + "\n",
			substituters: []string{"https://a.example.org"}, keys: []string{cacheKey}},
		{name: "a password in a URL", conf: "substituters = https://ann:" + secret + "@a.example.org https://b.example.org\n",
			substituters: []string{"https://b.example.org"}, warning: "https://a.example.org has a user name or password"},
		{name: "a token in a URL", conf: "substituters = https://a.example.org?token=" + secret + "\n", warning: `the parameter "token"`},
		{name: "another setting by a URL", config: `{"substituters":{"value":["https://a\naccess-tokens = x","https://a b"]}}`, warning: "not a URL"},
		{name: "another setting by a key", config: `{"trusted-public-keys":{"value":["k:x\nsandbox = false","k:short=","` + cacheKey + `"]}}`, keys: []string{cacheKey}},
		{name: "not lists", config: `{"substituters":{"value":"https://a.example.org"},"trusted-public-keys":{}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.nixProgram("", c.config)
			if c.conf != "" {
				write(t, f.root, map[string]string{"etc/nix/nix.conf": c.conf})
			}
			var facts Facts
			f.source.nixCaches(context.Background(), &facts)
			if !slices.Equal(facts.NixSubstituters, c.substituters) || !slices.Equal(facts.NixKeys, c.keys) {
				t.Errorf("substituters %q, keys %q", facts.NixSubstituters, facts.NixKeys)
			}
			if text := strings.Join(facts.Warnings, "\n"); !strings.Contains(text, c.warning) || (c.warning == "") != (text == "") {
				t.Errorf("warnings %q", text)
			}
			if strings.Contains(fmt.Sprint(facts), secret) {
				t.Errorf("a secret is in the facts: %+v", facts)
			}
		})
	}
}
