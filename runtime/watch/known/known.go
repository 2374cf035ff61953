// Package known tells the names that matter in every folder of a project from all
// others.
//
// What does not belong here: which names these are (spec/host), and folders.
package known

import (
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/entries"
)

// Names are what programs of the host would execute or trust in any folder, by
// the first component of its relative path: "*" in it stands for any characters.
type Names struct {
	plain map[string][]Name
	globs []Name
	first entries.First
	// spellings are of their first components, and of what git looks for.
	spellings entries.Spellings
}

// Name is the components of one, and why it matters.
type Name struct {
	Parts []string
	Why   string
}

// New takes names, and why they matter.
func New(list map[string]string) Names {
	n := Names{plain: map[string][]Name{}}
	for _, git := range []string{".git", "HEAD", "objects", "refs"} {
		n.spellings.Add(git)
	}
	for _, rel := range slices.Sorted(maps.Keys(list)) {
		one := Name{strings.Split(rel, "/"), list[rel]}
		n.first.Add(one.Parts[0])
		n.spellings.Add(one.Parts[0])
		if first := one.Parts[0]; strings.Contains(first, "*") {
			n.globs = append(n.globs, one)
		} else {
			n.plain[first] = append(n.plain[first], one)
		}
	}
	return n
}

// Of are those that begin with an entry of a folder.
func (n *Names) Of(entry string) []Name {
	list := n.plain[entry]
	for _, g := range n.globs {
		if ok, _ := path.Match(g.Parts[0], entry); ok {
			list = append(slices.Clone(list), g)
		}
	}
	return list
}

// Plain reports whether names without a "*" begin with an entry of a folder.
func (n *Names) Plain(entry string) bool { return n.plain[entry] != nil }

// Matters reports whether an entry of a folder is a git repository, or begins one of
// the names.
func (n *Names) Matters(entry []byte) bool {
	if string(entry) == ".git" || string(entry) == "HEAD" {
		return true
	}
	return n.Begin(entry) || n.Spelled(entry) != ""
}

// Begin reports whether an entry of a folder begins one of the names.
func (n *Names) Begin(entry []byte) bool {
	return n.first.May(entry) && len(n.Of(string(entry))) > 0
}

// Spelled is the name that an entry is another spelling of, or "".
func (n *Names) Spelled(entry []byte) string { return n.spellings.Other(entry) }

// Follows are what agents take for instructions: names, and what there is of them.
type Follows struct {
	Names
	There []string
}

// UnmarshalJSON reads contract.InstructsAnnotation.
func (f *Follows) UnmarshalJSON(text []byte) error {
	var list []string
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	names := map[string]string{}
	for _, p := range list {
		if path.IsAbs(p) {
			f.There = append(f.There, p)
		} else {
			names[p] = ""
		}
	}
	f.Names = New(names)
	return nil
}
