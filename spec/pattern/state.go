package pattern

import (
	"slices"

	"github.com/jailed-claude/jailed-claude/spec/search"
)

// State is a pattern and how much of it the way down has matched.
type State struct {
	*Pattern
	at int
	// Hide: a match is to be hidden; otherwise to be protected.
	Hide bool
	// Named: the last folder was matched by its name, not by "**".
	Named bool
}

// Begin is the state at the folder that a pattern is relative to.
func Begin(p *Pattern, hide bool) State { return State{Pattern: p, Hide: hide} }

// Finishes is a quick look whether a file of that name can finish the pattern.
func (st State) Finishes(name []byte) bool {
	if st.at != len(st.segs)-1 || st.dirOnly {
		return false
	}
	seg := st.segs[st.at]
	return seg.any || seg.match(string(name))
}

// Explicit reports whether the pattern named a giant on the way here, so that it means what
// lies in giants.
func (st State) Explicit() bool { return st.giant > 0 && st.at >= st.giant }

// Open adds the states that "**" leaves when it matches no folder at all.
func Open(states []State) []State {
	for i := 0; i < len(states); i++ {
		st := states[i]
		if st.segs[st.at].any && st.at+1 < len(st.segs) {
			st.at, st.Named = st.at+1, false
			if !slices.Contains(states, st) {
				states = append(states, st)
			}
		}
	}
	return states
}

// Literals lists the names that the states can match, if they are few and
// known, so that the folder need not be read.
func Literals(states []State) (names []string, all bool) {
	for _, st := range states {
		seg := st.segs[st.at]
		if seg.any || seg.glob != "" {
			return nil, false
		}
		if !slices.Contains(names, seg.literal) {
			names = append(names, seg.literal)
		}
	}
	return names, true
}

// Step is what an entry does to the states of its folder: whether one is
// finished (the best of them), and the states for the entry's own entries.
// dir says that the entry is a folder or a symlink to one.
func Step(states []State, name string, dir bool) (done *State, next []State) {
	for _, st := range states {
		seg, last := st.segs[st.at], st.at == len(st.segs)-1
		switch {
		case seg.any && !last:
			if dir && (st.Explicit() || !search.Skips(name)) {
				st.Named = false
				next = append(next, st)
			}
			continue
		case !seg.any && !seg.match(name):
			continue
		case !last:
			if dir {
				st.at, st.Named = st.at+1, true
				next = append(next, st)
			}
			continue
		case st.dirOnly && !dir:
			continue
		}
		if done == nil || st.Hide && !done.Hide {
			done = &st
		}
	}
	return done, next
}

// Passed tells whether a pattern of what is to be hidden could match in a folder
// of that name, and is not looked for there.
func Passed(states []State, name string) bool {
	return search.Skips(name) && slices.ContainsFunc(states, func(st State) bool {
		return st.Hide && st.segs[st.at].any && st.at < len(st.segs)-1 && !st.Explicit()
	})
}
