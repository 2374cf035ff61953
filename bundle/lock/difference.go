package lock

import (
	"fmt"
	"slices"

	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// Kind says what differs.
type Kind string

// Kinds of differences, in the order in which Check looks for them.
const (
	// ToolVersion: the lock is for other versions of jailed-claude.
	ToolVersion Kind = "tool"
	// OtherSystem: the lock is for another kind of machine.
	OtherSystem Kind = "system"
	// OtherPackage: the policy asks for other packages.
	OtherPackage Kind = "package"
	// OtherPolicy: the policy says something else.
	OtherPolicy Kind = "policy"
	// Missing: a store path is not on disk.
	Missing Kind = "missing"
	// Changed: a store path holds something else.
	Changed Kind = "changed"
	// Unreadable: a store path cannot be read, or is nothing that a store
	// path can be.
	Unreadable Kind = "unreadable"
	// OtherSpec: another jail follows from the same policy and closure.
	OtherSpec Kind = "spec"
)

// Difference is one thing that is not as the lock has it.
type Difference struct {
	Kind Kind `json:"kind"`
	// Name is the store path or package.
	Name string `json:"name,omitempty"`
	// Expected is what the lock has, Actual what was found.
	Expected string `json:"expected,omitempty"`
	Actual   string `json:"actual,omitempty"`
	// Detail is for people.
	Detail string `json:"detail,omitempty"`
}

// Error is one line. It makes a Difference the error of a refusal.
func (d Difference) Error() string {
	switch d.Kind {
	case ToolVersion:
		return fmt.Sprintf("the lock is for jailed-claude %s, and this is %s", d.Expected, d.Actual)
	case OtherSystem:
		return fmt.Sprintf("the lock is for %s, and this is %s", d.Expected, d.Actual)
	case OtherPackage:
		switch {
		case d.Expected == "":
			return fmt.Sprintf("package %q is not in the lock", d.Actual)
		case d.Actual == "":
			return fmt.Sprintf("package %q is in the lock, and the policy does not ask for it", d.Expected)
		}
		return fmt.Sprintf("the lock has package %q where %q is asked for", d.Expected, d.Actual)
	case OtherPolicy:
		return fmt.Sprintf("the policy changed: it is %s, and the lock has %s", d.Actual, d.Expected)
	case Missing:
		return fmt.Sprintf("store path %q does not exist", d.Name)
	case Changed:
		return fmt.Sprintf("store path %q changed: it is %s, and the lock has %s%s", d.Name, d.Actual, d.Expected, d.Detail)
	case Unreadable:
		return fmt.Sprintf("store path %q cannot be checked: %s", d.Name, d.Detail)
	case OtherSpec:
		return fmt.Sprintf("this jailed-claude makes another jail of the same policy and packages: it is %s, and the lock has %s", d.Actual, d.Expected)
	}
	return string(d.Kind) + " differs"
}

func sizes(want, got int64) string {
	if want == got {
		return ""
	}
	return fmt.Sprintf(" (%d bytes in place of %d)", got, want)
}

// Wanted is what a project wants now.
type Wanted struct {
	// Package is the agent's; empty where the policy names none.
	Package string
	// Packages are those that the policy asks for, in its order.
	Packages []string
	// Policy is the digest of the default policy and the project's own.
	Policy string
}

// Check compares a lock with what is wanted now and returns all differences,
// the most telling first. Tool is this program's version. It does not look at
// the disk.
func (l *Lock) Check(w Wanted, tool string) []Difference {
	var all []Difference
	if !l.understoodBy(tool) {
		all = append(all, Difference{Kind: ToolVersion, Expected: l.Tool, Actual: tool})
	}
	if l.System != contract.System {
		all = append(all, Difference{Kind: OtherSystem, Expected: l.System, Actual: contract.System})
	}
	if w.Package != "" && w.Package != l.Agent.Package {
		all = append(all, Difference{Kind: OtherPackage, Expected: l.Agent.Package, Actual: w.Package})
	}
	all = append(all, l.checkPackages(w.Packages)...)
	if w.Policy != l.Policy {
		all = append(all, Difference{Kind: OtherPolicy, Expected: l.Policy, Actual: w.Policy})
	}
	return all
}

func (l *Lock) checkPackages(wanted []string) []Difference {
	var have []string
	for _, p := range l.Packages {
		have = append(have, p.Package)
	}
	var all []Difference
	for _, w := range wanted {
		if !slices.Contains(have, w) {
			all = append(all, Difference{Kind: OtherPackage, Actual: w})
		}
	}
	for _, h := range have {
		if !slices.Contains(wanted, h) {
			all = append(all, Difference{Kind: OtherPackage, Expected: h})
		}
	}
	// The order is that of PATH.
	for i := range min(len(have), len(wanted)) {
		if len(all) == 0 && have[i] != wanted[i] {
			all = append(all, Difference{Kind: OtherPackage, Expected: have[i], Actual: wanted[i]})
		}
	}
	return all
}

// CheckSpec compares the digest of the portable specification of the team's
// policy and the lock's own closure, and returns nil if it is the lock's.
func (l *Lock) CheckSpec(digest string) *Difference {
	if digest == l.Spec {
		return nil
	}
	return &Difference{Kind: OtherSpec, Expected: l.Spec, Actual: digest}
}
