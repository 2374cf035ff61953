package pattern

import (
	"fmt"
	"strings"
)

// Problem returns what is wrong with a pattern as its author is told, and "" if
// nothing is. It refuses more than Parse: patterns that gitignore would accept
// and then match nothing with, for who writes one believes that a file is
// hidden.
func Problem(p string) string {
	switch {
	case strings.HasPrefix(p, "!"):
		return fmt.Sprintf(`%q: a pattern cannot take back another one: write narrower patterns, or "\\!" for a name that begins with "!"`, p)
	case strings.HasPrefix(p, "#"):
		return fmt.Sprintf(`%q would be a comment in gitignore: write "\\#" for a name that begins with "#"`, p)
	case p == "~", strings.HasPrefix(p, "~/"):
		return fmt.Sprintf(`%q: patterns name files of the project: your home is not in the jail unless files.read or files.write grant it`, p)
	case strings.Trim(p, "/") == "":
		return fmt.Sprintf(`%q names no file: write "*" for all that is in the project`, p)
	case strings.HasSuffix(p, " "):
		return fmt.Sprintf(`%q ends with a space, which gitignore drops: write it without`, p)
	}
	return problemOfParts(p)
}

func problemOfParts(p string) string {
	// A leading "/" ties the pattern to the project's own folder, a trailing
	// one restricts it to folders; neither makes an empty component.
	inner := strings.TrimSuffix(strings.TrimPrefix(p, "/"), "/")
	for part := range strings.SplitSeq(inner, "/") {
		switch part {
		case "..":
			return fmt.Sprintf(`%q has a ".." in it: patterns name files of the project only`, p)
		case ".":
			return fmt.Sprintf(`%q has a "." in it and would match nothing: write it without, "/NAME" is a name in the project's own folder`, p)
		case "":
			return fmt.Sprintf(`%q has two slashes in a row and would match nothing: write one`, p)
		}
	}
	return problemOfSyntax(p)
}

// problemOfSyntax refuses what fnmatch cannot match: a character class
// without an end, and a backslash with nothing after it.
func problemOfSyntax(p string) string {
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
			if i == len(p) {
				return fmt.Sprintf(`%q ends with a lone backslash and would match nothing: write it without`, p)
			}
		case '[':
			end := classEnd(p, i)
			if end < 0 {
				return fmt.Sprintf(`%q has a "[" without "]" and would match nothing: write "\\[" for the character itself`, p)
			}
			i = end
		}
	}
	return ""
}

// classEnd returns the index of the "]" that closes the class at p[start], or
// -1. A "]" that comes first belongs to the class.
func classEnd(p string, start int) int {
	i := start + 1
	if i < len(p) && (p[i] == '!' || p[i] == '^') {
		i++
	}
	if i < len(p) && p[i] == ']' {
		i++
	}
	for ; i < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
		case '/':
			return -1
		case ']':
			return i
		}
	}
	return -1
}
