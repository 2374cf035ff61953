package spec

import (
	"path"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/locale"
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

// locale sets the language of programs: the caller's, where the jail has it.
func (b *builder) locale() {
	for name, v := range locale.Set(b.env, b.Closure.Paths, b.Closure.Toolchain == closure.Nix) {
		b.grant("environment", name, "fixed", builtin, locale.Fallback+", since the closure has no "+v)
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
