package nonamespaces

import (
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
			if status := Main("/etc/jailed-claude/front/"+c.name, args, &said); status != c.status || !strings.Contains(said.String(), c.says) || !strings.HasPrefix(said.String(), c.name+": ") {
				t.Errorf("%s %q: %d %q", c.name, args, status, said.String())
			}
		}
	}
	for name, is := range map[string]bool{"/etc/jailed-claude/front/bwrap": true, "podman": true, "/x/buildah": true, "/usr/bin/bwrapper": false, "docker": false} {
		if Is(name) != is {
			t.Errorf("%s: %v", name, !is)
		}
	}
}
