package nonamespaces

import (
	"io"
	"strings"
	"testing"
)

func TestMain(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // no real one
	for _, c := range []struct {
		name, says string
		status     int
	}{
		{"bwrap", "identity.nesting = true", 1}, {"podman", "skopeo login REGISTRY", 125}, {"buildah", "skopeo login REGISTRY", 125},
	} {
		for _, args := range [][]string{nil, {"--unshare-user", "true"}, {"login", "--version"}, {"--version"}} {
			var said strings.Builder
			if status := Main("/etc/jailed-claude/front/"+c.name, args, io.Discard, &said); status != c.status || !strings.Contains(said.String(), c.says) || !strings.HasPrefix(said.String(), c.name+": ") {
				t.Errorf("%s %q: %d %q", c.name, args, status, said.String())
			}
		}
	}
	// Codex asks by where the link leads, and uses one that has these options.
	for _, argv0 := range []string{"/etc/jailed-claude/front/bwrap", "/.jail/init"} {
		var out, errs strings.Builder
		if status := Main(argv0, []string{"--help"}, &out, &errs); status != 0 || !strings.Contains(out.String(), "--as-pid-1") || !strings.Contains(out.String(), "--perms") {
			t.Errorf("%s --help: %d %q", argv0, status, out.String())
		}
		if status := Main(argv0, []string{"--as-pid-1", "--ro-bind", "/", "/", "--", "true"}, &out, &errs); status != 1 || !strings.HasPrefix(errs.String(), "bwrap: this jail gives nobody namespaces") {
			t.Errorf("%s: %d %q", argv0, status, errs.String())
		}
	}
	for _, args := range [][]string{{"--help"}, {"--as-pid-1"}, {"--unshare-user", "true"}} {
		if !Is("/.jail/init", args) || Is("/usr/bin/init", args) || Is("jailed-claude", args) {
			t.Errorf("%q: by the name of the init alone", args)
		}
	}
	for _, args := range [][]string{nil, {"--control-fd=3"}, {"run", "--help"}} {
		if Is("/.jail/init", args) {
			t.Errorf("%q is bwrap", args)
		}
	}
	for name, is := range map[string]bool{"/etc/jailed-claude/front/bwrap": true, "podman": true, "/x/buildah": true, "/usr/bin/bwrapper": false, "docker": false} {
		if Is(name, nil) != is {
			t.Errorf("%s: %v", name, !is)
		}
	}
}
