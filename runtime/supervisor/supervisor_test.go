package supervisor

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func bindMount(source, dest string, options ...string) specs.Mount {
	return specs.Mount{Type: "bind", Source: source, Destination: dest, Options: append([]string{"rbind", "nosuid", "nodev"}, options...)}
}
