package lock

import (
	"context"
	"maps"
	"slices"

	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// Input is what a lock follows from.
type Input struct {
	// Policy and Spec are the digests of the team's policy, and of what the
	// portable specification says of it and the closure.
	Policy, Spec string
	// Agent and Packages are what was asked for, and what each became; Paths
	// the whole closure, in any order.
	Agent    Agent
	Packages []Package
	Paths    []string
	// Known are NAR hashes that need not be computed, by store path: of an
	// earlier lock, or what Nix registered.
	Known map[string]Path
}

// New makes a lock. What is not known of the store paths is computed.
func New(ctx context.Context, in Input, o Options) (*Lock, error) {
	l := &Lock{Tool: ToolRange, System: contract.System, Policy: in.Policy, Spec: in.Spec, Agent: in.Agent, Packages: in.Packages}
	paths := slices.SortedFunc(slices.Values(in.Paths), ComparePaths)
	for _, p := range slices.Compact(paths) {
		l.Paths = append(l.Paths, Path{Path: p})
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
