package world

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
)

// PartEnv names the part that this binary plays when a test starts it again:
// inside a jail as the attacker, or outside as a process with a privilege or a
// lack of one that the test itself cannot have.
const PartEnv = "JAIL_TEST_PART"

// parts of the harness, by name. A part returns the exit status.
var parts = map[string]func(args []string) int{
	"guard":   attackGuarded,
	"peer":    peer,
	"reaper":  reaper,
	"cgroup2": withCgroup2,
	"mounted": withMount,
}

// Main runs the tests of a package, or the part that this process is to play.
// own are the parts of that package, beside those of the harness.
func Main(m *testing.M, own map[string]func(args []string) int) int {
	name := os.Getenv(PartEnv)
	if name == "" {
		return m.Run()
	}
	part, ok := own[name]
	if !ok {
		part, ok = parts[name]
	}
	if !ok {
		fmt.Fprintf(os.Stderr, "there is no part %q\n", name)
		return 125
	}
	return part(os.Args[1:])
}

// Cannot ends a test that this host cannot run.
func Cannot(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("JAIL_TEST_MUST_RUN") == "1" {
		t.Fatalf("cannot run here: "+format, args...)
	}
	t.Skipf(format, args...)
}

// RequireVariable is a JAIL_TEST_ variable; doc.go has the list.
func RequireVariable(t *testing.T, name string) string {
	t.Helper()
	v := os.Getenv("JAIL_TEST_" + name)
	if v == "" {
		reason := os.Getenv("JAIL_TEST_NO_STORE")
		if reason == "" {
			reason = "hack/test.sh sets it"
		}
		Cannot(t, "JAIL_TEST_%s is not set: %s", name, reason)
	}
	return v
}

// RequireNix is a store path whose closure this user can ask Nix for: root, or
// with a daemon running.
func RequireNix(t *testing.T, path string) string {
	t.Helper()
	if out, err := exec.Command(RequireTool(t, "nix-store"), "-qR", path).CombinedOutput(); err != nil {
		Cannot(t, "Nix does not answer this user (no daemon?): %v: %s", err, out)
	}
	return path
}

// RequireTool is a program of the host.
func RequireTool(t *testing.T, name string) string {
	t.Helper()
	p, err := exec.LookPath(name)
	if err != nil {
		Cannot(t, "%s is not installed", name)
	}
	return p
}

var userNS = sync.OnceValue(func() error {
	c := exec.Command("/bin/true")
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	return c.Run()
})

func requireUserNS(t *testing.T) {
	t.Helper()
	if err := userNS(); err != nil {
		Cannot(t, "this user cannot make a user namespace: %v", err)
	}
}
