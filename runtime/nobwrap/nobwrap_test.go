package nobwrap

import (
	"strings"
	"testing"
)

func TestMain(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // no real one
	for _, args := range [][]string{nil, {"--unshare-user", "true"}, {"--version"}} {
		var said strings.Builder
		if status := Main(args, &said); status != 1 || !strings.Contains(said.String(), "identity.nesting = true") {
			t.Errorf("%q: %d %q", args, status, said.String())
		}
	}
	if !Is("/etc/jailed-claude/front/bwrap") || Is("/usr/bin/bwrapper") {
		t.Error("by another name")
	}
}
