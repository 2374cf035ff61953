// Package locale says which language the programs of a jail speak.
//
// What does not belong here: what crosses from the caller (package spec).
package locale

import (
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
)

// Fallback comes with the C libraries of distributions and of Nix.
const Fallback = "C.UTF-8"

// archive is the variable by which the C library of Nix finds locales.
const archive = "LOCALE_ARCHIVE"

// Set completes the variables of a jail. With a closure that has no locales
// (nix), what names one becomes Fallback: otherwise all text is ASCII, with a
// warning of each shell. It returns those variables in order, with what they
// were.
func Set(env map[string]string, closure []string, nix bool) iter.Seq2[string, string] {
	return func(replaced func(name, was string) bool) {
		locales := slices.IndexFunc(closure, func(p string) bool { return strings.Contains(p, "-glibc-locales") })
		switch {
		case !nix || env[archive] != "":
		case locales >= 0:
			env[archive] = path.Join(closure[locales], "lib/locale/locale-archive")
		default:
			for _, name := range slices.Sorted(maps.Keys(env)) {
				was := env[name]
				if (name == "LANG" || strings.HasPrefix(name, "LC_")) && named(was) {
					env[name] = Fallback
					if !replaced(name, was) {
						return
					}
				}
			}
		}
		if env["LC_ALL"]+env["LC_CTYPE"]+env["LANG"] == "" {
			env["LANG"] = Fallback
		}
	}
}

// named: it is one of a language, such as de_DE.UTF-8.
func named(value string) bool {
	return strings.ContainsAny(value, "_.") && value[0] >= 'a' && value[0] <= 'z'
}
