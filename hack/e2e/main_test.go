package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
)

// partEnv names the part that this binary plays when a test starts it again:
// inside a jail as the attacker, or outside as a process with a privilege or a
// lack of one that the test itself cannot have.
const partEnv = "JAIL_TEST_PART"

// parts by name. A part returns the exit status.
var parts = map[string]func(args []string) int{
	"attack":     attack,
	"guard":      attackGuarded,
	"dial":       dial,
	"evade":      evade,
	"ids":        printIDs,
	"keyhunt":    keyHunt,
	"misuse":     misuse,
	"lab":        labPart,
	"lookup":     lookUp,
	"terminal":   printTerminal,
	"reach":      reach,
	"itself":     reachOwn,
	"serve":      serve,
	"reaper":     reaper,
	"no-ns":      withoutNamespaces,
	"old-kernel": onOldKernel,
	"cgroup2":    withCgroup2,
	"full":       onFullDisk,
	"mounted":    withMount,
	"weakened":   weakened,
}

func TestMain(m *testing.M) {
	if name := os.Getenv(partEnv); name != "" {
		part, ok := parts[name]
		if !ok {
			fmt.Fprintf(os.Stderr, "there is no part %q\n", name)
			os.Exit(125)
		}
		os.Exit(part(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// cannot ends a test that this host cannot run.
func cannot(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("JAIL_TEST_MUST_RUN") == "1" {
		t.Fatalf("cannot run here: "+format, args...)
	}
	t.Skipf(format, args...)
}

// requireVariable is a JAIL_TEST_ variable; doc.go has the list.
func requireVariable(t *testing.T, name string) string {
	t.Helper()
	v := os.Getenv("JAIL_TEST_" + name)
	if v == "" {
		reason := os.Getenv("JAIL_TEST_NO_STORE")
		if reason == "" {
			reason = "hack/test.sh sets it"
		}
		cannot(t, "JAIL_TEST_%s is not set: %s", name, reason)
	}
	return v
}

// requireNix is a store path whose closure this user can ask Nix for: root, or
// with a daemon running.
func requireNix(t *testing.T, path string) string {
	t.Helper()
	if out, err := exec.Command(requireTool(t, "nix-store"), "-qR", path).CombinedOutput(); err != nil {
		cannot(t, "Nix does not answer this user (no daemon?): %v: %s", err, out)
	}
	return path
}

// requireTool is a program of the host.
func requireTool(t *testing.T, name string) string {
	t.Helper()
	p, err := exec.LookPath(name)
	if err != nil {
		cannot(t, "%s is not installed", name)
	}
	return p
}

var userNS = sync.OnceValue(func() error {
	c := exec.Command("/bin/true")
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
	return c.Run()
})

func requireUserNS(t *testing.T) {
	t.Helper()
	if err := userNS(); err != nil {
		cannot(t, "this user cannot make a user namespace: %v", err)
	}
}
