package spec

import (
	"slices"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/host"
)

// TestLocale: the language is the caller's where the jail has it.
func TestLocale(t *testing.T) {
	for name, r := range map[string]struct {
		vars, set map[string]string
		host      bool
		locales   bool
		want      []string
		not       []string
	}{
		"none":                   {want: []string{"LANG=C.UTF-8"}},
		"not in the closure":     {vars: map[string]string{"LANG": "de_DE.UTF-8", "LC_TIME": "de_AT@euro"}, want: []string{"LANG=C.UTF-8", "LC_TIME=C.UTF-8"}},
		"built in":               {vars: map[string]string{"LANG": "C", "LC_ALL": "POSIX"}, want: []string{"LANG=C", "LC_ALL=POSIX"}},
		"in the closure":         {vars: map[string]string{"LANG": "de_DE.UTF-8"}, locales: true, want: []string{"LANG=de_DE.UTF-8", "LOCALE_ARCHIVE=" + storeLocales + "/lib/locale/locale-archive"}},
		"of the host":            {vars: map[string]string{"LANG": "de_DE.UTF-8"}, host: true, want: []string{"LANG=de_DE.UTF-8"}},
		"none of the host":       {host: true, want: []string{"LANG=C.UTF-8"}},
		"another variable of it": {vars: map[string]string{"LC_CTYPE": "C.UTF-8"}, want: []string{"LC_CTYPE=C.UTF-8"}, not: []string{"LANG=C.UTF-8"}},
		"the policy's":           {vars: map[string]string{"LANG": "de_DE.UTF-8"}, set: map[string]string{"LANG": "fr_FR.UTF-8"}, want: []string{"LANG=fr_FR.UTF-8"}},
	} {
		in := valid()
		in.Env.Vars, in.Policy.Env.Set = r.vars, r.set
		if r.host {
			in.Closure.Toolchain = closure.Host
		}
		if r.locales {
			in.Closure.Paths = append(slices.Clone(in.Closure.Paths), storeLocales)
		}
		env := mustBuild(t, in).Spec.Process.Env
		for _, w := range r.want {
			if !slices.Contains(env, w) {
				t.Errorf("%s: no %s in %q", name, w, env)
			}
		}
		for _, n := range r.not {
			if slices.Contains(env, n) {
				t.Errorf("%s: %s", name, n)
			}
		}
	}
}

const storeLocales = closure.StoreDir + "/00000000000000000000000000000009-glibc-locales-2.40"

// TestTimeZone: /etc/localtime is a link with the name in it, wherever the host
// has the file.
func TestTimeZone(t *testing.T) {
	link := func(j *contract.Jail, at string) string {
		for _, f := range j.Rootfs {
			if f.Path == at {
				return f.Target
			}
		}
		return ""
	}
	const zone, inStore = "/usr/share/zoneinfo/Europe/Berlin", "/nix/store/abc-tzdata/share/zoneinfo/Europe/Berlin"
	for _, r := range []struct {
		name, file, toolchain string
		link, mounted         string
	}{
		{"Europe/Oslo", zone, closure.Nix, "/usr/share/zoneinfo/Europe/Oslo", "/usr/share/zoneinfo/Europe/Oslo"},
		{"Europe/Oslo", zone, closure.Host, "/usr/share/zoneinfo/Europe/Oslo", ""},
		{"Europe/Berlin", inStore, closure.Host, "", "/etc/localtime"},
		{"Europe/Berlin", inStore, closure.Nix, zone, zone},
		{"", zone, closure.Nix, "", "/etc/localtime"},
		{"", "", closure.Nix, "", ""},
	} {
		in := valid()
		in.Host.TimeZone, in.Host.Localtime, in.Closure.Toolchain = r.name, r.file, r.toolchain
		j := mustBuild(t, in)
		if got := link(j, "/etc/localtime"); got != r.link {
			t.Errorf("%+v: the link is %q", r, got)
		}
		var mounted []string
		for _, m := range j.Spec.Mounts {
			if m.Source == r.file && r.file != "" {
				mounted = append(mounted, m.Destination)
			}
		}
		if got := append(mounted, "")[0]; got != r.mounted {
			t.Errorf("%+v: mounted on %q", r, mounted)
		}
	}
	in := valid()
	if link(mustBuild(t, in), "/var/run") != "/run" {
		t.Error("/var/run is no link to /run")
	}
	in.Host.Present = map[string]host.Kind{"/var/run/x": {Real: "/var/run/x"}}
	if link(mustBuild(t, in), "/var/run") != "" {
		t.Error("/var/run is a link where a grant lies below it")
	}
}
