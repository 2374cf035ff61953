package network

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// presets are named groups of rules. Each is what the tools of its name
// contact, and nothing for convenience.
var presets = map[string][]string{
	// The API, and the login with a browser.
	"@claude": {"api.anthropic.com", "platform.claude.com"},
	// Clones and pulls over https. Where a service redirects downloads to
	// another host, that is part of it.
	"@git-https": {"github.com", "codeload.github.com", "objects.githubusercontent.com", "gitlab.com", "codeberg.org", "bitbucket.org"},
	"@npm":       {"registry.npmjs.org"},
	"@pypi":      {"pypi.org", "files.pythonhosted.org"},
	"@crates":    {"crates.io", "index.crates.io", "static.crates.io"},
	"@go":        {"proxy.golang.org", "sum.golang.org"},
	"@nix-cache": {"cache.nixos.org"},
}

// Presets are the names of all presets, sorted.
func Presets() []string { return slices.Sorted(maps.Keys(presets)) }

// Expand writes presets out, in place, without doubles.
func Expand(allow []string) ([]string, error) {
	var out []string
	for _, s := range allow {
		rules := []string{s}
		if strings.HasPrefix(s, "@") {
			if rules = presets[s]; rules == nil {
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
