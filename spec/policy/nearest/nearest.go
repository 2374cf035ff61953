package nearest

import "strings"

// Of returns the candidate with the fewest edits from name, the first of
// equals, and "" if all are too far to be what was meant.
func Of(name string, candidates []string) string {
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
