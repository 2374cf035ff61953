package image

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/storepath"
)

const (
	// large is the size from which a store path has a layer of its own: below
	// it, what a layer costs its reader is more than what it saves.
	large = 1 << 20
	// mostLarge leaves room for the others, and in all for derived images:
	// Docker's overlay2 takes 125 layers.
	mostLarge = 57
)

// unit is what becomes one layer.
type unit struct {
	what string
	// place is among the other units: store paths, small ones, PID 1, rootfs.
	place int
	// paths are store paths, sorted.
	paths []tree
	// files of the rootfs, sorted by path.
	files []entry
	size  int64
}

// name is what the layer is called without what changes with each version of a
// store path, its hash.
func (u unit) name() string {
	if u.place == placeStore {
		return storepath.Name(u.what)
	}
	return u.what
}

// places of units, in the order of what changes rarely.
const (
	placeStore = iota
	placeSmall
	placeInit
	placeRootfs
)

// planned divides an image into layers.
func planned(in Input) ([]unit, error) {
	units, err := closureUnits(in)
	if err != nil {
		return nil, err
	}
	first, err := initUnit(in.Init)
	if err != nil {
		return nil, err
	}
	return append(units, first, rootfsUnit(in)), nil
}

// closureUnits are the layers of store paths.
func closureUnits(in Input) ([]unit, error) {
	trees := make([]tree, 0, len(in.Paths))
	for _, p := range slices.Compact(slices.Sorted(slices.Values(in.Paths))) {
		t, err := look(in.Root, p)
		if err != nil {
			return nil, err
		}
		trees = append(trees, t)
	}
	big := slices.DeleteFunc(slices.Clone(trees), func(t tree) bool { return t.size < large })
	slices.SortStableFunc(big, func(a, b tree) int { return cmp.Compare(b.size, a.size) })
	big = big[:min(len(big), mostLarge)]
	var units []unit
	own := map[string]bool{}
	for _, t := range big {
		own[t.path] = true
		units = append(units, unit{what: t.path, place: placeStore, paths: []tree{t}, size: t.size})
	}
	small := unit{what: "small store paths", place: placeSmall}
	for _, t := range trees {
		if !own[t.path] {
			small.paths = append(small.paths, t)
			small.size += t.size
		}
	}
	if len(small.paths) > 0 {
		units = append(units, small)
	}
	return units, nil
}

// ordered puts layers into the order of the image. An engine unpacks every layer
// above the first that is new to it again. So what most of the closure depends
// on comes first, for it changes most rarely: libc, then libraries, then
// interpreters, then the agent.
func ordered(layers []built) []built {
	refs := map[string][]string{}
	for _, l := range layers {
		maps.Copy(refs, l.Refs)
	}
	popular := map[string]int{}
	for p := range refs {
		seen := map[string]bool{}
		var visit func(string)
		visit = func(q string) {
			for _, r := range refs[q] {
				if !seen[r] {
					seen[r] = true
					popular[r]++
					visit(r)
				}
			}
		}
		visit(p)
	}
	slices.SortFunc(layers, func(a, b built) int {
		return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(popular[b.what], popular[a.what]),
			strings.Compare(a.name(), b.name()), strings.Compare(a.what, b.what))
	})
	return layers
}
