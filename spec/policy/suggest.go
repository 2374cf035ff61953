package policy

import (
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/policy/nearest"
)

// suggest ends the sentence about an unknown key: the nearest known one, or
// what there is to choose from. path is the unknown key by its parts, without
// quotes.
func suggest(path []string) string {
	if len(path) == 1 {
		return suggestTop(path[0])
	}
	section, key := path[0], path[1]
	if key == "version" {
		return "version stands above the first section"
	}
	known := keysOf(section)
	if near := nearest.Of(key, known); near != "" {
		return "did you mean " + section + "." + near + "?"
	}
	if name := elsewhere(key); name != "" {
		return "did you mean " + name + "?"
	}
	if section == brokerSection {
		section = "[" + section + "]"
	}
	return "[" + section + "] has " + strings.Join(known, ", ")
}

// suggestTop is suggest for a section or a key outside of any section.
func suggestTop(name string) string {
	names := sections()
	near := nearest.Of(name, append([]string{"version", brokerSection}, names...))
	switch near {
	case "version":
		return "did you mean version?"
	case brokerSection:
		return "did you mean [[" + brokerSection + "]]?"
	}
	// A key that was written without its section, "mode" or "read".
	if full := elsewhere(name); full != "" {
		return "did you mean " + full + "?"
	}
	if near != "" {
		return "did you mean [" + near + "]?"
	}
	return "the sections are " + strings.Join(names, ", ") + " and [[" + brokerSection + "]]"
}

// elsewhere finds the one section that has a key of exactly this name.
func elsewhere(key string) string {
	found := ""
	for _, r := range rows() {
		_, k, ok := strings.Cut(r.Name, ".")
		if !ok || r.Tables || k != key {
			continue
		}
		if found != "" {
			return ""
		}
		found = r.Name
	}
	return found
}
