package orders

import (
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// TestOrders: PID 1 learns all places that can be written to, and no other.
func TestOrders(t *testing.T) {
	s := &specs.Spec{
		Root: &specs.Root{Readonly: true},
		Process: &specs.Process{
			Cwd: "/home/ada/app", Args: []string{"/.jail/init", "--", "true"}, Env: []string{"A=b"},
		},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Options: []string{"nosuid"}},
			{Destination: "/nix/store/x", Options: []string{"bind", "ro"}},
			{Destination: "/srv", Options: []string{"rbind", "rro", "nosuid"}},
			{Destination: "/dev", Type: "tmpfs", Options: []string{"ro"}},
			{Destination: "/dev/kvm", Options: []string{"bind", "ro"}},
			{Destination: "/device", Options: []string{"bind", "ro"}},
			{Destination: "/home/ada/app", Options: []string{"rbind", "rw"}},
		},
	}
	want := []string{"/home/ada/app", "18", "4", "/proc", "/dev", "/dev/kvm", "/home/ada/app", "3", "/.jail/init", "--", "true", "A=b", ""}
	if got := strings.Split(string(Encode(s, false)), "\x00"); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	want = []string{"/home/ada/app", "18", "4", "/proc", "/dev", "/dev/kvm", "/home/ada/app", "4", "/.jail/init", "--debug-fd=2", "--", "true", "A=b", ""}
	if got := strings.Split(string(Encode(s, true)), "\x00"); !slices.Equal(got, want) {
		t.Errorf("with debug: %q", got)
	}
	if len(s.Process.Args) != 3 {
		t.Errorf("the configuration is changed: %q", s.Process.Args)
	}
	mask := uint32(0o077)
	s.Process.User.Umask = &mask
	if got := strings.Split(string(Encode(s, false)), "\x00"); got[1] != "63" {
		t.Errorf("with a umask: %q", got)
	}
	s.Root.Readonly = false
	if got := writable(s); !slices.Contains(got, "/") {
		t.Errorf("the root can be written to: %q", got)
	}
}
