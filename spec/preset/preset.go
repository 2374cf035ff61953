package preset

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy/nearest"
)

// group is a named group of rules: what the tools of its name contact, and
// nothing for convenience.
type group struct {
	name  string
	rules []string
}

// tools are those of programs that are no agents.
var tools = []group{
	{"@crates", []string{"crates.io", "index.crates.io", "static.crates.io"}},
	// Clones and pulls over https. Where a service redirects downloads to
	// another host, that is part of it.
	{"@git-https", []string{"github.com", "codeload.github.com", "objects.githubusercontent.com", "gitlab.com", "codeberg.org", "bitbucket.org"}},
	{"@go", []string{"proxy.golang.org", "sum.golang.org"}},
	{"@nix-cache", []string{"cache.nixos.org"}},
	{"@npm", []string{"registry.npmjs.org"}},
	{"@pypi", []string{"pypi.org", "files.pythonhosted.org"}},
}

// groups are all, sorted by name.
var groups = sync.OnceValue(func() []group {
	list := append(slices.Clone(tools), group{"@openai", agent.Named("codex").Hosts})
	for _, a := range agent.All() {
		if len(a.Hosts) > 0 {
			list = append(list, group{"@" + a.Name, a.Hosts})
		}
	}
	slices.SortFunc(list, func(x, y group) int { return strings.Compare(x.name, y.name) })
	return list
})

// Names are the names of all presets, sorted.
func Names() []string {
	var names []string
	for _, g := range groups() {
		names = append(names, g.name)
	}
	return names
}

// rules is what the preset of that name stands for, nil if there is none.
func rules(name string) []string {
	for _, g := range groups() {
		if g.name == name {
			return g.rules
		}
	}
	return nil
}

// unknown says what is wrong with a preset that there is not.
func unknown(name string) string {
	problem := "is not a preset: "
	if near := nearest.Of(name, Names()); near != "" {
		problem += "perhaps " + near + "; "
	}
	return problem + "there are " + strings.Join(Names(), " ")
}

// Expand writes presets out, in place, without duplicates.
func Expand(allow []string) ([]string, error) {
	var out []string
	for _, s := range allow {
		list := []string{s}
		if strings.HasPrefix(s, "@") {
			if list = rules(s); list == nil {
				return nil, &network.RuleError{Rule: s, Problem: unknown(s)}
			}
		}
		for _, r := range list {
			if !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	return out, nil
}

// Check reports what is wrong with one element of "allow", presets included.
func Check(s string) error {
	list, err := Expand([]string{s})
	if err != nil {
		return err
	}
	for _, r := range list {
		if _, err := network.ParseRule(r); err != nil {
			return fmt.Errorf("network.allow: %w", err)
		}
	}
	return nil
}
