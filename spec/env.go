package spec

import (
	"slices"
	"strings"
)

// envAllowed are the variables that cross from the caller: what a terminal
// program needs in order to look and speak right, and nothing that names a
// service, a socket, a file or a secret.
var envAllowed = []string{
	"COLORTERM", "COLORFGBG", "EDITOR", "FORCE_COLOR", "LANG", "LANGUAGE", "NO_COLOR", "PAGER", "TERM",
	"TERM_PROGRAM", "TERM_PROGRAM_VERSION", "TZ", "VISUAL",
}

func allowedEnv(name string) bool {
	return slices.Contains(envAllowed, name) || strings.HasPrefix(name, "LC_")
}
