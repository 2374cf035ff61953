package suggest

import (
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/policy/nearest"
)

// Keys are those that a policy may have.
type Keys struct {
	// Names are "section.key", in the order in which they are documented.
	Names []string
	// Tables is the section that a file writes [[section]].
	Tables string
}

// Sections are their names, that of Tables left out.
func (k Keys) Sections() []string {
	var names []string
	for _, name := range k.Names {
		if s, _, ok := strings.Cut(name, "."); ok && s != k.Tables && !slices.Contains(names, s) {
			names = append(names, s)
		}
	}
	return names
}

// of are the keys of a section, without the section's name.
func (k Keys) of(section string) []string {
	var names []string
	for _, name := range k.Names {
		if s, key, ok := strings.Cut(name, "."); ok && s == section {
			names = append(names, key)
		}
	}
	return names
}

// For ends the sentence about an unknown key: the nearest known one, or what
// there is to choose from. path is the unknown key by its parts, without quotes.
func (k Keys) For(path ...string) string {
	if len(path) == 1 {
		return k.top(path[0])
	}
	section, key := path[0], path[1]
	if key == "version" {
		return "version stands above the first section"
	}
	known := k.of(section)
	if near := nearest.Of(key, known); near != "" {
		return "did you mean " + section + "." + near + "?"
	}
	if name := k.elsewhere(key); name != "" {
		return "did you mean " + name + "?"
	}
	if section == k.Tables {
		section = "[" + section + "]"
	}
	return "[" + section + "] has " + strings.Join(known, ", ")
}

// top is For a section, or a key outside of any.
func (k Keys) top(name string) string {
	names := k.Sections()
	near := nearest.Of(name, append([]string{"version", k.Tables}, names...))
	switch near {
	case "version":
		return "did you mean version?"
	case k.Tables:
		return "did you mean [[" + k.Tables + "]]?"
	}
	// A key that was written without its section, "mode" or "read".
	if full := k.elsewhere(name); full != "" {
		return "did you mean " + full + "?"
	}
	if near != "" {
		return "did you mean [" + near + "]?"
	}
	return "the sections are " + strings.Join(names, ", ") + " and [[" + k.Tables + "]]"
}

// elsewhere finds the one section that has a key of exactly this name.
func (k Keys) elsewhere(key string) string {
	found := ""
	for _, name := range k.Names {
		section, known, ok := strings.Cut(name, ".")
		if !ok || section == k.Tables || known != key {
			continue
		}
		if found != "" {
			return ""
		}
		found = name
	}
	return found
}
