package spec

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/closure"
)

// zones is where programs look for time zones by name.
const zones = "/usr/share/zoneinfo"

// timeZone is the host's. Programs that want its name (ICU, and so Node.js) read
// the link; of a plain file they take any zone that has the same bytes.
func (b *builder) timeZone() {
	h := b.Host
	if h.Localtime == "" {
		return
	}
	named := h.TimeZone != ""
	at := path.Join(zones, h.TimeZone)
	if b.Closure.Toolchain == closure.Host {
		named = named && paths.Below(h.Localtime, zones) // which comes with /usr
	} else if named {
		b.bindOne(h.Localtime, at)
	}
	if named {
		b.symlink("/etc/localtime", at)
		b.file("/etc/timezone", h.TimeZone+"\n")
	} else {
		b.bindOne(h.Localtime, "/etc/localtime")
	}
	b.grant("file", "/etc/localtime", "ro", builtin, "the time zone")
}

// fallbackLocale comes with the C libraries of distributions and of Nix.
const fallbackLocale = "C.UTF-8"

// localeArchive is the variable by which the C library of Nix finds locales.
const localeArchive = "LOCALE_ARCHIVE"

// locale sets the language of programs: the caller's, where the jail has it.
// One that it has not would be worse than none: all text is ASCII then, with a
// warning of each shell.
func (b *builder) locale() {
	names := []string{"LC_ALL", "LC_CTYPE", "LANG"}
	if b.Closure.Toolchain == closure.Nix && b.env[localeArchive] == "" {
		if i := slices.IndexFunc(b.Closure.Paths, func(p string) bool { return strings.Contains(p, "-glibc-locales") }); i >= 0 {
			b.env[localeArchive] = path.Join(b.Closure.Paths[i], "lib/locale/locale-archive")
		} else {
			for _, name := range slices.Sorted(maps.Keys(b.env)) {
				v := b.env[name]
				if (name == "LANG" || strings.HasPrefix(name, "LC_")) && strings.ContainsAny(v, "_.") && v[0] >= 'a' && v[0] <= 'z' {
					b.env[name] = fallbackLocale
					b.grant("environment", name, "fixed", builtin, fallbackLocale+", since the closure has no "+v)
				}
			}
		}
	}
	if !slices.ContainsFunc(names, func(n string) bool { return b.env[n] != "" }) {
		b.env["LANG"] = fallbackLocale
	}
}

// varRun is a link to /run, as on every host, unless a grant lies there.
func (b *builder) varRun() {
	const at = "/var/run"
	for p := range b.Host.Present {
		if paths.Below(p, at) {
			return
		}
	}
	if !paths.Below(b.Host.Project.Dir, at) && !paths.Below(b.Host.Home, at) {
		b.symlink(at, "/run")
	}
}
