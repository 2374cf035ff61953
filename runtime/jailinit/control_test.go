package jailinit

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/message"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// supervised starts PID 1 with a control socket and plays the supervisor.
func supervised(t *testing.T, args ...string) (*exec.Cmd, *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	t.Cleanup(func() { ours.Close() })
	c := command(t, append([]string{"--control-fd=3"}, args...)...)
	c.ExtraFiles = []*os.File{theirs}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	return c, ours
}

func expect(t *testing.T, f *os.File, want string) {
	t.Helper()
	if err := f.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	if n, err := f.Read(b[:]); err != nil || n != 1 || string(b[:]) != want {
		t.Fatalf("PID 1 said %q (%v), want %q", b[:n], err, want)
	}
}

// TestAgentWaitsForTheSupervisor: nothing is executed before it is told to, and never
// when the supervisor is gone.
func TestAgentWaitsForTheSupervisor(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	c, control := supervised(t, "--", "touch", mark)
	expectReady(t, control)
	if _, err := os.Stat(mark); err == nil {
		t.Error("the agent ran before it was released")
	}
	tell(t, control, message.Execute)
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(mark); err != nil {
		t.Error("the agent never ran")
	}

	c, control = supervised(t, "--", "touch", mark+"2")
	expectReady(t, control)
	control.Close()
	_ = c.Wait()
	if c.ProcessState.ExitCode() != 125 {
		t.Errorf("status %v", c.ProcessState)
	}
	if _, err := os.Stat(mark + "2"); err == nil {
		t.Error("the agent ran without a supervisor")
	}
}

// TestWrongMessage: only the message that is due lets the agent go on.
func TestWrongMessage(t *testing.T) {
	for _, m := range []message.Message{message.Orders, message.Ready, message.Mapped, 0} {
		mark := filepath.Join(t.TempDir(), "mark")
		c, control := supervised(t, "--", "touch", mark)
		expectReady(t, control)
		tell(t, control, m)
		_ = c.Wait()
		if _, err := os.Stat(mark); err == nil || c.ProcessState.ExitCode() != 125 {
			t.Errorf("%s: %v, the agent ran: %v", m, c.ProcessState, err == nil)
		}
	}
}

// TestDebug: what no Go end sees is told where there is a descriptor for it.
func TestDebug(t *testing.T) {
	for flag, want := range map[string]string{"--debug-fd=2": "jailed-claude: debug: message: " + message.Mapped.String() + "\n", "--nesting": ""} {
		if status, out, msg := run(t, flag, "--", "echo", "out"); status != 0 || out != "out\n" || msg != want {
			t.Errorf("%s: status %d, %q, %q", flag, status, out, msg)
		}
	}
}

// TestStopAndContinue: the supervisor hears of a stopped agent, and SIGCONT
// brings it back.
func TestStopAndContinue(t *testing.T) {
	c, control := supervised(t, "--", "sh", "-c", "kill -STOP $$; exit 9")
	expectReady(t, control)
	tell(t, control, message.Execute)
	expect(t, control, string(message.Stopped.Bytes()))
	if err := c.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	if c.ProcessState.ExitCode() != 9 {
		t.Errorf("status %v", c.ProcessState)
	}
}

// TestDiesWithItsSupervisor kills the process that started PID 1.
func TestDiesWithItsSupervisor(t *testing.T) {
	if pid := os.Getenv("JAILINIT_TEST_PARENT"); pid != "" {
		c, control := supervised(t, "--", "sleep", "300")
		expectReady(t, control)
		if err := os.WriteFile(pid, []byte(strconv.Itoa(c.Process.Pid)), 0o600); err != nil {
			t.Fatal(err)
		}
		select {} // killed by the test proper
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pid")
	parent := exec.Command(self, "-test.run=^TestDiesWithItsSupervisor$")
	parent.Env = append(os.Environ(), "JAILINIT_TEST_PARENT="+file)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	for deadline := time.Now().Add(30 * time.Second); pid == 0; {
		text, _ := os.ReadFile(file)
		pid, _ = strconv.Atoi(string(text))
		if time.Now().After(deadline) {
			t.Fatal("PID 1 did not start")
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	for deadline := time.Now().Add(30 * time.Second); alive(pid); {
		if time.Now().After(deadline) {
			t.Fatal("PID 1 outlived its supervisor")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// alive: a zombie that nobody reaps is not.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(text, []byte(") Z "))
}

// expectReady reads what PID 1 says until the agent is ready.
func expectReady(t *testing.T, control *os.File) {
	t.Helper()
	if landlock() >= 2 {
		expect(t, control, string(message.ReadyLandlocked.Bytes()))
	} else {
		expect(t, control, string(message.Ready.Bytes()))
	}
}

// ordered starts PID 1 with orders that come later. It has said that it waits.
func ordered(t *testing.T, orders string) (c *exec.Cmd, control *os.File, out, msg *bytes.Buffer) {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		t.Fatal(err)
	}
	control, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	t.Cleanup(func() { control.Close() })
	out, msg = new(bytes.Buffer), new(bytes.Buffer)
	c = command(t, "--control-fd=3", "--orders-fd=4")
	c.ExtraFiles = []*os.File{theirs, file}
	c.Stdout, c.Stderr = out, msg
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	expect(t, control, string(message.Waits.Bytes()))
	if _, err := file.WriteString(orders); err != nil {
		t.Fatal(err)
	}
	return c, control, out, msg
}

func tell(t *testing.T, control *os.File, m message.Message) {
	t.Helper()
	if _, err := control.Write(m.Bytes()); err != nil {
		t.Fatal(err)
	}
}

// TestOrders: what config.json says of the process may come when PID 1 runs.
func TestOrders(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	strs := []string{dir, "18", "0", "5", contract.InitPath, "--", "sh", "-c", `pwd; echo "$A|$B|$HOME"; exit 3`, "PATH=/usr/bin:/bin", "A=a b", "B="}
	c, control, out, msg := ordered(t, strings.Join(strs, "\x00")+"\x00")
	time.Sleep(20 * time.Millisecond)
	if out.Len() > 0 {
		t.Error("it did not wait")
	}
	tell(t, control, message.Orders)
	expectReady(t, control)
	tell(t, control, message.Execute)
	_ = c.Wait()
	if got := out.String(); got != dir+"\na b||\n" || c.ProcessState.ExitCode() != 3 {
		t.Errorf("%v: %q, %q", c.ProcessState, got, msg)
	}
}

// TestOrdersDamaged: orders that are not whole, or cannot be obeyed, end it.
func TestOrdersDamaged(t *testing.T) {
	const init = contract.InitPath + "\x00"
	for name, tt := range map[string]struct{ orders, message string }{
		"none":               {"", "orders"},
		"a folder alone":     {"/\x00", "orders"},
		"no places":          {"/\x0018\x00x\x00", "wants a number"},
		"too few places":     {"/\x0018\x003\x00/tmp\x00", "orders"},
		"too many places":    {"/\x0018\x00999999999999999\x00/tmp\x00", "orders"},
		"places alone":       {"/\x0018\x001\x00/tmp\x00", "orders"},
		"no arguments":       {"/\x0018\x000\x000\x00", "orders"},
		"too few arguments":  {"/\x0018\x000\x003\x00" + init + "--\x00", "orders"},
		"too many arguments": {"/\x0018\x000\x00999999999999999\x00" + init, "orders"},
		"not a number":       {"/\x0018\x000\x00x\x00" + init, "wants a number"},
		"no program":         {"/\x0018\x000\x002\x00" + init + "--\x00", "usage"},
		"an unknown flag":    {"/\x0018\x000\x004\x00" + init + "--surprise\x00--\x00true\x00", "unknown flag"},
		"no such folder":     {"/no/such\x0018\x000\x003\x00" + init + "--\x00true\x00", "/no/such: No such file"},
		"no NUL at the end":  {"/\x0018\x000\x003\x00" + init + "--\x00/no/such/program", "not found in the jail"},
	} {
		c, control, _, msg := ordered(t, tt.orders)
		tell(t, control, message.Orders)
		if name == "no NUL at the end" {
			expectReady(t, control)
			tell(t, control, message.Execute)
		}
		_ = c.Wait()
		if status := c.ProcessState.ExitCode(); status != 125 && status != 127 || !strings.Contains(msg.String(), tt.message) {
			t.Errorf("%s: status %d, %q", name, status, msg)
		}
	}
}

// TestOrdersNeverCome: a supervisor that gives up leaves nothing behind.
func TestOrdersNeverCome(t *testing.T) {
	c, control, out, _ := ordered(t, "/\x000\x003\x00"+contract.InitPath+"\x00--\x00pwd\x00")
	control.Close()
	_ = c.Wait()
	if c.ProcessState.ExitCode() != 125 || out.Len() > 0 {
		t.Errorf("%v, %q", c.ProcessState, out)
	}
}
