package policy

import "strings"

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
	if near := nearest(key, known); near != "" {
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
	near := nearest(name, append([]string{"version", brokerSection}, names...))
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

// nearest returns the candidate with the fewest edits from name, the first of
// equals, and "" if all are too far to be what was meant.
func nearest(name string, candidates []string) string {
	name = strings.ToLower(name)
	best, bestDistance := "", 0
	for _, c := range candidates {
		// A third of the letters wrong is a slip, more is another word; a
		// beginning or an end of the word ("mem", "writeable") counts too.
		limit := max(1, len(c)/3)
		d := distance(name, c, limit)
		if d > limit && len(name) >= 3 && (strings.HasPrefix(c, name) || strings.HasPrefix(name, c)) {
			d = limit
		}
		if d <= limit && (best == "" || d < bestDistance) {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance counts insertions, deletions, replacements and swaps of neighbours
// between a and b. Words whose lengths differ by more than limit are not
// compared: a file may hold a key of any length.
func distance(a, b string, limit int) int {
	if len(a) > len(b)+limit || len(b) > len(a)+limit {
		return limit + 1
	}
	var before []int
	above := make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above = above, row
	}
	return above[len(b)]
}
