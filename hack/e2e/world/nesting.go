package world

import (
	"os"
	"testing"
)

// NestingPolicy lets the agent make namespaces.
func (w *World) NestingPolicy(more string) string {
	w.T.Helper()
	return w.Write(w.Dir+"/nesting.toml", "version = 1\n[identity]\nnesting = true\n"+more)
}

// RequireNesting ends a test where a jail cannot have user namespaces of its own.
func RequireNesting(t *testing.T) {
	t.Helper()
	if os.Getuid() == 0 {
		t.Skip("an agent that is uid 0 makes no user namespace: the run as an ordinary user tries this")
	}
}
