package supervisor

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/userns"
)

// inside runs the calling test again in a user and mount namespace of its own,
// entered by the constructor as a supervisor does, and returns true there. The
// caller returns when it is false. env is for that run.
func inside(t *testing.T, env ...string) bool {
	t.Helper()
	if IsStage() {
		if err := userns.Entered(); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		return true
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, "-test.run=^"+t.Name()+"$", "-test.v")
	c.Env = append(append(os.Environ(), userns.Variable+"=test"), env...)
	out, err := c.CombinedOutput()
	if bytes.Contains(out, []byte("no user namespace")) {
		if os.Getenv("JAIL_TEST_MUST_RUN") == "1" {
			t.Fatalf("user namespaces must work here: %s", out)
		}
		t.Skipf("user namespaces are not to be had: %s", out)
	}
	if err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
	if !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Errorf("the test did not run inside:\n%s", out)
	}
	return false
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func bindMount(source, dest string, options ...string) specs.Mount {
	return specs.Mount{Type: "bind", Source: source, Destination: dest, Options: append([]string{"rbind", "nosuid", "nodev"}, options...)}
}
