package lock

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/storepath"
)

// Changes says what an update of a lock changes, one line for each package,
// then what follows from it. Nil means nothing.
func Changes(before, after *Lock) []string {
	var all []string
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }

	type pair struct{ before, after []string }
	packages, order := map[string]*pair{}, []string{}
	entry := func(name string) *pair {
		if packages[name] == nil {
			packages[name] = &pair{}
			order = append(order, name)
		}
		return packages[name]
	}
	const agent = "\x00agent"
	entry(agent).before, entry(agent).after = before.Agent.Paths, after.Agent.Paths
	for _, p := range after.Packages {
		entry(p.Package).after = p.Paths
	}
	for _, p := range before.Packages {
		entry(p.Package).before = p.Paths
	}
	for _, name := range order {
		p := packages[name]
		label := name
		if name == agent {
			label = "agent"
			if after.Agent.Package != "" {
				label += " " + after.Agent.Package
			}
			if b := before.Agent.Package; b != after.Agent.Package && b != "" {
				label += " (was " + b + ")"
			} else if slices.Equal(p.before, p.after) && b != after.Agent.Package {
				say("%s: the same paths, now by name", label)
			}
		}
		switch {
		case slices.Equal(p.before, p.after):
			if name == agent && before.Agent.Program != after.Agent.Program {
				say("%s: %s -> %s", label, before.Agent.Program, after.Agent.Program)
			}
		case len(p.before) == 0:
			say("%s: added, %s", label, names(p.after))
		case len(p.after) == 0:
			say("%s: removed, was %s", label, names(p.before))
		case names(p.before) == names(p.after):
			say("%s: %s rebuilt, %s -> %s", label, names(p.after), hashes(p.before), hashes(p.after))
		default:
			say("%s: %s -> %s", label, names(p.before), names(p.after))
		}
	}

	known, added, same := before.Known(), 0, 0
	for _, p := range after.Paths {
		switch old, ok := known[p.Path]; {
		case !ok:
			added++
		case old != p:
			say("closure: %s has other contents: %s -> %s", p.Path, old.NarHash, p.NarHash)
		default:
			same++
		}
	}
	removed := 0
	still := after.Known()
	for _, p := range before.Paths {
		if _, ok := still[p.Path]; !ok {
			removed++
		}
	}
	if added+removed > 0 {
		say("closure: %d paths added, %d removed, %d unchanged", added, removed, same)
	}
	layers := map[string]string{}
	for _, y := range before.Layers {
		layers[y.What] = y.DiffID
	}
	differ := 0
	for _, y := range after.Layers {
		if layers[y.What] != y.DiffID {
			differ++
		}
	}
	if differ > 0 || len(before.Layers) != len(after.Layers) {
		say("layers: %d of %d of the image are others, of %d before", differ, len(after.Layers), len(before.Layers))
	}
	for _, v := range []struct{ name, before, after string }{
		{"policy", before.Policy, after.Policy},
		{"spec", before.Spec, after.Spec},
		{"system", before.System, after.System},
		{"tool", before.Tool, after.Tool},
	} {
		if v.before != v.after {
			say("%s: %s -> %s", v.name, v.before, v.after)
		}
	}
	return all
}

func names(paths []string) string {
	l := make([]string, len(paths))
	for i, p := range paths {
		l[i] = nameOf(p)
	}
	return strings.Join(l, " ")
}

// hashes are the first characters of the hash part: enough to tell two apart.
func hashes(paths []string) string {
	const enough = 8
	l := make([]string, len(paths))
	for i, p := range paths {
		l[i] = strings.TrimPrefix(p, storepath.Dir+"/")[:enough]
	}
	return strings.Join(l, " ")
}
