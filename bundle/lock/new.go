package lock

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/canon"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// Input is what a lock follows from.
type Input struct {
	// Team is the default policy and the project's own, nobody's else.
	Team policy.Policy
	// Agent is the agent's program; Requests are what was asked for, the
	// agent's package first, and what each became; Paths the whole closure.
	Agent    string
	Requests []closure.Request
	Paths    []string
	// Known are NAR hashes that need not be computed, by store path: of an
	// earlier lock, or what Nix registered.
	Known map[string]Path
}

// New makes a lock. What is not known of the store paths is computed.
func New(ctx context.Context, in Input, o Options) (*Lock, error) {
	if len(in.Requests) == 0 {
		return nil, errors.New("lock: no agent was asked for")
	}
	l := &Lock{Tool: ToolRange, System: contract.System, Agent: Agent{Program: in.Agent, Package: in.Requests[0].Package}}
	if in.Agent != "" {
		l.Agent.Paths = slices.Clone(in.Requests[0].Roots)
	}
	for _, r := range in.Requests[1:] {
		l.Packages = append(l.Packages, Package{Package: r.Package, Paths: slices.Clone(r.Roots)})
	}
	paths := slices.SortedFunc(slices.Values(in.Paths), ComparePaths)
	for _, p := range slices.Compact(paths) {
		l.Paths = append(l.Paths, Path{Path: p})
	}
	c, err := l.Closure()
	if err != nil {
		return nil, err
	}
	text, err := spec.Portable(in.Team, *c)
	if err != nil {
		return nil, err
	}
	l.Spec = canon.Digest(text)
	if l.Policy, err = policy.Digest(in.Team); err != nil {
		return nil, err
	}
	if err := l.hash(ctx, in.Known, o); err != nil {
		return nil, err
	}
	// What cannot be read again must not be written.
	if _, err := Parse(l.Render()); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *Lock) hash(ctx context.Context, known map[string]Path, o Options) error {
	var unknown []int
	var paths []Path
	for i, p := range l.Paths {
		if k, ok := known[p.Path]; ok {
			l.Paths[i] = k
			continue
		}
		unknown = append(unknown, i)
		paths = append(paths, p)
	}
	found, err := hashAll(ctx, paths, 0, o)
	if err != nil {
		return err
	}
	for k, i := range unknown {
		if found[k].err != nil {
			return found[k].err
		}
		l.Paths[i] = found[k].Path
	}
	return nil
}

// Known are the NAR hashes of a lock, for a New after it.
func (l *Lock) Known() map[string]Path {
	return maps.Collect(func(yield func(string, Path) bool) {
		for _, p := range l.Paths {
			if !yield(p.Path, p) {
				return
			}
		}
	})
}
