package lock

import (
	"fmt"
	"strconv"
	"strings"
)

// A range is ">=MAJOR.MINOR.PATCH <MAJOR.MINOR.PATCH".
func parseRange(s string) (from, to [3]int, ok bool) {
	low, high, ok := strings.Cut(s, " ")
	low, geq := strings.CutPrefix(low, ">=")
	high, less := strings.CutPrefix(high, "<")
	from, okFrom := parseVersion(low)
	to, okTo := parseVersion(high)
	return from, to, ok && geq && less && okFrom && okTo
}

func parseVersion(s string) (v [3]int, ok bool) {
	parts := strings.Split(s, ".")
	if len(parts) != len(v) {
		return v, false
	}
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 || strconv.Itoa(n) != p {
			return v, false
		}
		v[i] = n
	}
	return v, true
}

func rangeOK(s string) bool {
	_, _, ok := parseRange(s)
	return ok
}

func checkRange(s string) error {
	if !rangeOK(s) {
		return fmt.Errorf("%.100q is not a range of versions such as %q", s, ToolRange)
	}
	return nil
}

// understoodBy tells whether a version of jailed-claude is in the range. What
// is no release, such as a build out of a working tree, is taken to be.
func (l *Lock) understoodBy(version string) bool {
	from, to, ok := parseRange(l.Tool)
	release, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), "-")
	v, isRelease := parseVersion(release)
	if !ok || !isRelease {
		return ok
	}
	return compareVersions(from, v) <= 0 && compareVersions(v, to) < 0
}

func compareVersions(a, b [3]int) int {
	for i := range a {
		if a[i] != b[i] {
			return a[i] - b[i]
		}
	}
	return 0
}
