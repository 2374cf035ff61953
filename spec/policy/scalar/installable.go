package scalar

import (
	"fmt"
	"strings"
)

// Installable refuses what can be no name of a package. The rest is for whoever
// asks Nix.
func Installable(p string) string {
	if problem := Text(p); problem != "" {
		return problem
	}
	// It becomes an argument of nix.
	if strings.HasPrefix(p, "-") {
		return fmt.Sprintf("%q begins with %q, like an option: write a store path or an installable", p, "-")
	}
	return ""
}

// Package is Installable for those beside the agent.
func Package(p string) string {
	if p == "host" {
		return fmt.Sprintf("%q is for agent.package alone: write a store path or an installable", p)
	}
	return Installable(p)
}
