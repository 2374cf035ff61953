package scalar

import (
	"strings"
	"testing"
)

func TestCheckGrant(t *testing.T) {
	for _, group := range []struct {
		heading string
		// problem is part of what must be said; "" where all must pass.
		problem string
		paths   []string
	}{
		{"fine", "", []string{
			"/srv", "/srv/", "/srv/a b", "~/.cache", "~/.cache/go-build/", "//srv", "/srv/./a", "/etc/ssl/certs",
			"/home/other", "/srv/ümlaut", "/srv/a:b,c", "/srv/app/[id]", "~/~", "/srv/~", "/srv/...", "/srv/..a", "/srv/a..",
			"/nix/var/nix/profiles",
		}},
		{"fine: siblings of what is refused", "", []string{
			"/devel", "/processes", "/sysroot", "/nix/store-backup", "/nixos", "/srv/proc", "~/dev",
		}},

		{"traps: traversal", `".."`, []string{
			"..", "../x", "/..", "/srv/..", "/srv/../etc", "~/..", "~/../x", "~/a/../../x", "a/../b", "/srv/..//", "/proc/..",
		}},
		{"traps: relative", "relative", []string{
			".", "./x", "x", "x/y", " /srv", "file:///etc", "\\srv", "C:/x",
		}},
		{"traps: homes of others", "home of a user", []string{"~root", "~root/.ssh", "~+", "~-", "~.", "~~/x", "~ /x"}},
		{"traps: the whole home", "whole home", []string{"~", "~/", "~//", "~/.", "~/./", "~/./."}},
		{"traps: variables", "not expanded", []string{"$HOME", "$HOME/.ssh", "${HOME}/x", "$XDG_CONFIG_HOME/x"}},
		{"traps: patterns", "patterns", []string{"/srv/*", "~/.config/**", "/srv/a?"}},

		{"everything", "whole host", []string{"/", "//", "///", "/.", "/./", "//."}},
		{"the store", "store", []string{
			"/nix", "/nix/", "//nix", "/nix/.", "/nix/store", "/nix/store/", "/nix//store", "/nix/./store/x", "/nix/store/.links",
		}},
		{"kernel file systems", "/proc", []string{"/proc", "/proc/", "//proc", "/proc/self/root", "/./proc/1/environ"}},
		{"kernel file systems: sys", "/sys", []string{"/sys", "/sys/fs/cgroup", "//sys//kernel"}},
		{"kernel file systems: dev", "/dev", []string{"/dev", "/dev/sda", "/dev/shm/x", "/./dev"}},

		{"bytes: control characters", "control character", []string{
			"/srv/\x00", "\x00", "/srv/a\nb", "/srv/a\rb", "/srv/\x1b[2J", "/srv/\x7f", "/srv/\u0085", "/srv/\u2028", "~\n/x",
		}},
		{"bytes: not UTF-8", "UTF-8", []string{"/srv/\xff", "\xc0\xaf", "/srv/\xed\xa0\x80"}},
		{"bytes: none", "empty", []string{""}},
	} {
		t.Run(group.heading, func(t *testing.T) {
			for _, p := range group.paths {
				got := Grant(p)
				switch {
				case group.problem == "" && got != "":
					t.Errorf("%q is refused: %s", p, got)
				case group.problem != "" && got == "":
					t.Errorf("%q is granted", p)
				case !strings.Contains(got, group.problem):
					t.Errorf("%q: the problem %q does not speak of %q", p, got, group.problem)
				case group.problem != "" && !tellsWhatToDo(got):
					t.Errorf("%q: the problem %q does not say what to write", p, got)
				}
			}
		})
	}
}

// tellsWhatToDo: a refusal that leaves the user without a next step is half a
// refusal.
func tellsWhatToDo(problem string) bool {
	for _, verb := range []string{"write ", "remove ", "rename ", "name the "} {
		if strings.Contains(problem, verb) {
			return true
		}
	}
	return false
}
