package supervisor

import "github.com/opencontainers/runtime-spec/specs-go"

func bindMount(source, dest string, options ...string) specs.Mount {
	return specs.Mount{Type: "bind", Source: source, Destination: dest, Options: append([]string{"rbind", "nosuid", "nodev"}, options...)}
}
