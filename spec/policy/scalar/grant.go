package scalar

import (
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/internal/storepath"
	"github.com/jailed-claude/jailed-claude/spec/pattern"
)

// Grant returns what is wrong with a path of files.read or files.write, and ""
// if nothing is. It looks at the words alone: that a path is a symlink,
// the whole home by its full name, or a folder of jailed-claude itself is found
// where the host is known.
func Grant(p string) string {
	if problem := Text(p); problem != "" {
		return problem
	}
	switch {
	case p == "~", strings.HasPrefix(p, "~/") && path.Clean(p) == "~":
		return fmt.Sprintf(`%q is your whole home: write the folders that the agent needs, as in "~/.cache/go-build"`, p)
	case strings.HasPrefix(p, "~") && !strings.HasPrefix(p, "~/"):
		return fmt.Sprintf(`%q: the home of a user is not looked up: write the whole path, or "~/" for your own home`, p)
	case strings.HasPrefix(p, "$"):
		return fmt.Sprintf(`%q: variables are not expanded: write an absolute path, or "~/" for your home`, p)
	case hasDotDot(p):
		return fmt.Sprintf(`%q has a ".." in it: write the path that it leads to`, p)
	case !strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "~/"):
		return fmt.Sprintf(`%q is relative: write an absolute path or one that begins with "~/" (the project is granted by files.project)`, p)
	case strings.ContainsAny(p, "*?"):
		return fmt.Sprintf(`%q: patterns are not expanded here: write a file or a folder, a folder grants all that is in it`, p)
	}
	return checkReserved(p)
}

// checkReserved refuses the paths that the jail makes itself. A host's own
// folder there would undo what the rest of the policy says.
func checkReserved(p string) string {
	clean := path.Clean(p)
	switch {
	case clean == "/":
		return fmt.Sprintf(`%q is the whole host: write the folders that the agent needs`, p)
	case clean == "/nix":
		return fmt.Sprintf(`%q holds the whole store: write nix.store = "full" to show all of /nix/store read-only`, p)
	case paths.Below(clean, storepath.Dir):
		return fmt.Sprintf(`%q: store paths are not granted one by one: name the package in agent.packages, or write nix.store = "full"`, p)
	case paths.Below(clean, "/proc"):
		return fmt.Sprintf(`%q: the jail has a /proc of its own: remove this, nothing of the host's can be granted`, p)
	case paths.Below(clean, "/sys"):
		return fmt.Sprintf(`%q: the host's /sys stays outside: remove this, nothing of it can be granted`, p)
	case paths.Below(clean, "/dev"):
		return fmt.Sprintf(`%q: the jail has a /dev of its own: remove this, nothing of the host's can be granted`, p)
	}
	return ""
}

func hasDotDot(p string) bool {
	for part := range strings.SplitSeq(p, "/") {
		if part == ".." {
			return true
		}
	}
	return false
}

// Text returns what is wrong with any string that becomes a path, a pattern or
// an argument.
func Text(s string) string {
	if s == "" {
		return "an empty string means nothing: remove it"
	}
	if !utf8.ValidString(s) {
		return fmt.Sprintf("%q is not UTF-8: rename the file, or grant the folder that it is in", s)
	}
	for _, r := range s {
		// U+2028 and U+2029 are line ends to some terminals and viewers, and
		// a grant must look like what it is when it is shown for approval.
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return fmt.Sprintf("%q has a line end or control character (%U) in it: write it without", s, r)
		}
	}
	return ""
}

// Pattern returns what is wrong with a pattern of files.hide or files.protect,
// and "" if nothing is.
func Pattern(p string) string {
	if problem := Text(p); problem != "" {
		return problem
	}
	return pattern.Problem(p)
}

// Piece returns what is wrong with the name of a piece of the agent's
// configuration: a path in it, "mcp:NAME" or "settings:KEY".
func Piece(name string) string {
	if problem := Text(name); problem != "" {
		return problem
	}
	_, rest, value := strings.Cut(name, ":")
	switch {
	case value && rest != "" && (strings.HasPrefix(name, "mcp:") || strings.HasPrefix(name, "settings:")):
		return ""
	case strings.HasPrefix(name, "/") || strings.HasPrefix(name, "~") || strings.HasPrefix(name, ".") || hasDotDot(name) || strings.HasSuffix(name, "/") || strings.Contains(name, "//"):
		return "write it as it is below ~/.claude: commands/review.md"
	}
	return ""
}
