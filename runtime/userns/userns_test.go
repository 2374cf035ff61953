package userns

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMain: a process that was started as a supervisor says what keyring it has, and
// attacks it, until its input ends.
func TestMain(m *testing.M) {
	if !IsSupervisor() {
		os.Exit(m.Run())
	}
	fmt.Println(keyring())
	for what, err := range attacked() {
		fmt.Printf("%s: %v\n", what, err)
	}
	fmt.Println()
	_, _ = os.Stdin.Read(make([]byte, 1))
}

// elsewhere runs a test in a user namespace of its own, where no jail of this user is
// that it would disturb, nor a keyring of another test. It returns whether this is not
// that process.
func elsewhere(t *testing.T) bool {
	t.Helper()
	const apart = "JAIL_TEST_APART"
	if os.Getenv(apart) == t.Name() {
		return false
	}
	c := exec.Command("/proc/self/exe", "-test.v", "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$")
	c.Env = append(os.Environ(), apart+"="+t.Name())
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}},
	}
	out, err := c.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC):
		t.Skip("no user namespace: ", err)
	case err != nil || strings.Contains(string(out), "no tests to run"):
		t.Errorf("%v: %s", err, out)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skipf("%s", out)
	}
	return true
}

// keyring says of this process's session keyring whether it is that of all jails,
// its number and its permissions.
func keyring() string {
	if err := Entered(); err != nil {
		return "skip: " + err.Error()
	}
	id, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false)
	if err != nil {
		return fmt.Sprintf("%t none: %v", SharesKeyring(), err)
	}
	is, err := unix.KeyctlString(unix.KEYCTL_DESCRIBE, id)
	return fmt.Sprintf("%t %d %s %v", SharesKeyring(), id, is, err)
}

// attacked is what a process with this keyring may do to those who share it, or leave
// for them.
func attacked() map[string]error {
	const ring = unix.KEY_SPEC_SESSION_KEYRING
	_, added := unix.AddKey("user", "jailed-claude-test", []byte("found"), ring)
	mine, err := unix.AddKey("user", "jailed-claude-test", []byte("found"), unix.KEY_SPEC_PROCESS_KEYRING)
	linked := err
	if err == nil {
		_, linked = unix.KeyctlInt(unix.KEYCTL_LINK, mine, ring, 0, 0)
	}
	_, revoked := unix.KeyctlInt(unix.KEYCTL_REVOKE, ring, 0, 0, 0)
	_, cleared := unix.KeyctlInt(unix.KEYCTL_CLEAR, ring, 0, 0, 0)
	_, expires := unix.KeyctlInt(unix.KEYCTL_SET_TIMEOUT, ring, 1, 0, 0)
	return map[string]error{
		"add a key": added, "link a key": linked, "revoke it": revoked, "clear it": cleared, "have it expire": expires,
		"open it": unix.KeyctlSetperm(ring, 0x3f3f3f3f),
	}
}

// supervisor starts one, which runs until the test ends, and returns what it says.
func supervisor(t *testing.T) (says string, attacks []string) {
	t.Helper()
	c := exec.Command("/proc/self/exe")
	c.Env, c.Stderr = append(os.Environ(), Variable+"=test"), os.Stderr
	in, err1 := c.StdinPipe()
	out, err2 := c.StdoutPipe()
	if err := errors.Join(err1, err2, c.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = c.Wait() })
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "" {
		attacks = append(attacks, lines.Text())
	}
	if len(attacks) == 0 {
		t.Fatal("it says nothing")
	}
	if why, ok := strings.CutPrefix(attacks[0], "skip: "); ok {
		t.Skip(why)
	}
	return attacks[0], attacks[1:]
}

// sharedPerm are the permissions of the shared keyring: view and search.
const sharedPerm = ";09090000;jailed-claude"

// TestKeyring: supervisors of one user have one empty session keyring, not the
// caller's, to which nobody can add, and which nobody can take away from the others.
func TestKeyring(t *testing.T) {
	if elsewhere(t) {
		return
	}
	held(t, func() error { _, err := unix.KeyctlJoinSessionKeyring("another"); return err })
	first, attacks := supervisor(t)
	if len(attacks) != 6 {
		t.Errorf("%d attacks: %q", len(attacks), attacks)
	}
	for _, line := range attacks {
		if !strings.HasSuffix(line, ": "+unix.EACCES.Error()) {
			t.Error(line)
		}
	}
	second, _ := supervisor(t)
	if first != second || !strings.HasPrefix(first, "true ") || !strings.Contains(first, sharedPerm+" <nil>") {
		t.Errorf("%s, then %s", first, second)
	}
	if mine, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false); err == nil && strings.HasPrefix(first, fmt.Sprintf("true %d ", mine)) {
		t.Error("it is this process's own")
	}
}

// TestKeyringGone: who may search it may invalidate it, with keyctl, which no jail has.
// Later supervisors take no keyring then that is gone.
func TestKeyringGone(t *testing.T) {
	if elsewhere(t) {
		return
	}
	held(t, func() error {
		id, err := unix.KeyctlJoinSessionKeyring("jailed-claude")
		if err == nil {
			err = unix.KeyctlSetperm(id, 0x09090000)
		}
		if err == nil {
			_, err = unix.KeyctlInt(unix.KEYCTL_INVALIDATE, id, 0, 0, 0)
		}
		return err
	})
	if says, _ := supervisor(t); !strings.HasPrefix(says, "false ") {
		t.Error(says)
	}
}

// held is a keyring that a thread has until the test ends.
func held(t *testing.T, has func() error) {
	t.Helper()
	began, end := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		began <- has()
		<-end
	}()
	t.Cleanup(func() { close(end) })
	if err := <-began; err != nil {
		t.Skip(err)
	}
}

// TestKeyringOfAnother: a keyring of that name in which there may be something is not
// taken for it.
func TestKeyringOfAnother(t *testing.T) {
	for name, perm := range map[string]uint32{"that may be written": 0x3f3f0000, "of which more can be seen": 0x0b0b0000, "that every user finds": 0x0b0b000b} {
		t.Run(name, func(t *testing.T) {
			if elsewhere(t) {
				return
			}
			held(t, func() error {
				id, err := unix.KeyctlJoinSessionKeyring("jailed-claude")
				if err != nil {
					return err
				}
				return unix.KeyctlSetperm(id, perm)
			})
			says, _ := supervisor(t)
			if strings.HasPrefix(says, "true ") && !strings.Contains(says, sharedPerm) {
				t.Error(says)
			}
		})
	}
}
