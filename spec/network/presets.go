package network

import (
	"fmt"
	"slices"
	"strings"
)

// presets are named groups of rules, sorted by name. Each is what the tools of
// its name contact, and nothing for convenience.
var presets = []struct {
	name  string
	rules []string
}{
	// The API, and the login with a browser.
	{"@claude", []string{"api.anthropic.com", "platform.claude.com"}},
	{"@crates", []string{"crates.io", "index.crates.io", "static.crates.io"}},
	// Clones and pulls over https. Where a service redirects downloads to
	// another host, that is part of it.
	{"@git-https", []string{"github.com", "codeload.github.com", "objects.githubusercontent.com", "gitlab.com", "codeberg.org", "bitbucket.org"}},
	{"@go", []string{"proxy.golang.org", "sum.golang.org"}},
	{"@nix-cache", []string{"cache.nixos.org"}},
	{"@npm", []string{"registry.npmjs.org"}},
	{"@pypi", []string{"pypi.org", "files.pythonhosted.org"}},
}

// Presets are the names of all presets, sorted.
func Presets() []string {
	names := make([]string, len(presets))
	for i, p := range presets {
		names[i] = p.name
	}
	return names
}

// preset is what the preset of that name stands for, nil if there is none.
func preset(name string) []string {
	for _, p := range presets {
		if p.name == name {
			return p.rules
		}
	}
	return nil
}

// Expand writes presets out, in place, without doubles.
func Expand(allow []string) ([]string, error) {
	var out []string
	for _, s := range allow {
		rules := []string{s}
		if strings.HasPrefix(s, "@") {
			if rules = preset(s); rules == nil {
				return nil, ruleError(s, "is not a preset: there are %s", strings.Join(Presets(), " "))
			}
		}
		for _, r := range rules {
			if !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	return out, nil
}

// CheckAllow reports what is wrong with one element of "allow", presets
// included.
func CheckAllow(s string) error {
	rules, err := Expand([]string{s})
	if err != nil {
		return err
	}
	for _, r := range rules {
		if _, err := ParseRule(r); err != nil {
			return fmt.Errorf("network.allow: %w", err)
		}
	}
	return nil
}
