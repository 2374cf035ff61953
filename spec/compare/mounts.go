package compare

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/policy/change"
)

// compareMounts compares what the mounts show at each of their destinations.
func compareMounts(a, b []specs.Mount) (changes []change.Change) {
	last := func(list []specs.Mount, dest string) *string {
		var text *string
		for _, m := range list {
			if m.Destination == dest {
				s := describe(m)
				text = &s
			}
		}
		return text
	}
	var places []string
	for _, m := range slices.Concat(a, b) {
		places = append(places, m.Destination)
	}
	slices.SortFunc(places, paths.Compare)
	for _, p := range slices.Compact(places) {
		x, y := contract.ShownAt(a, p), contract.ShownAt(b, p)
		from, to := last(a, p), last(b, p)
		if equal(from, to) && x == y {
			continue
		}
		c := change.Change{Key: "mounts", Element: p, From: from, To: to, Widens: !y.Within(x)}
		switch {
		case equal(from, to):
			f, t := x.String(), y.String()
			c.From, c.To, c.Why = &f, &t, "another mount lies on top of it, or no longer"
		case from != nil && to == nil && y.Writable && !c.Widens:
			// As it is, the folders on the way to what is protected are held.
			c.Widens, c.Why = true, "no mount point any more, so it can be renamed and replaced"
		case !c.Widens:
			c.Why = "nothing more of the host"
		case y.Source != x.Source:
			c.Why = "more of the host is there"
		case y.Writable && !x.Writable:
			c.Why = "it can be changed on the host"
		default:
			c.Why = "weaker options"
		}
		changes = append(changes, c)
	}
	return changes
}

func equal(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }
