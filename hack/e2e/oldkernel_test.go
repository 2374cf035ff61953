package e2e

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// afterOld is the first system call that kernel 5.10 does not have. From 424 on
// the numbers are those of every architecture, in the order in which the kernel
// got them (mount_setattr of 5.12 is 442, landlock of 5.13 begins at 444).
const afterOld = 441

// onOldKernel is the part "old-kernel": it runs its arguments where no system
// call since kernel 5.11 is known. That goes on in all that they start.
func onOldKernel(args []string) int {
	runtime.LockOSThread() // execve keeps what this thread has
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // seccomp_data.nr
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: afterOld, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&filter)), 0, 0)
	}
	if err == nil {
		_ = os.Unsetenv(partEnv)
		err = syscall.Exec(args[0], args, os.Environ())
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// oldKernel is a command of this binary's that runs c on an old kernel.
func (w *world) oldKernel(c *exec.Cmd) []string {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	return append([]string{requireTool(w.t, "env"), partEnv + "=old-kernel", self}, c.Args...)
}

func (w *world) onOldKernel(c *exec.Cmd) *exec.Cmd {
	w.t.Helper()
	args := w.oldKernel(c)
	old := exec.Command(args[0], args[1:]...)
	old.Dir, old.Env = c.Dir, c.Env
	return old
}

// placesAndFlags are the mounts of a jail with all their flags.
func placesAndFlags(t *testing.T, r result) map[string]string {
	t.Helper()
	if r.status != 0 {
		t.Fatalf("the jail did not run: %s", r)
	}
	all := map[string]string{}
	for _, l := range lines(r.out) {
		f := strings.Fields(l)
		all[f[4]] += f[5] + ";"
	}
	return all
}

// TestOldKernel: on a kernel without mount_setattr(2) and Landlock every mount
// has the flags that it has on this one.
func TestOldKernel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mounts := func() *exec.Cmd { return w.base("cat /proc/self/mountinfo", "--require", "seccomp,caps,userns,net") }
	want, got := placesAndFlags(t, finish(t, mounts())), placesAndFlags(t, finish(t, w.onOldKernel(mounts())))
	if !maps.Equal(want, got) {
		for place := range want {
			if want[place] != got[place] {
				t.Errorf("%s: %q, on a newer kernel %q", place, got[place], want[place])
			}
		}
		t.Errorf("%d mounts, on a newer kernel %d", len(got), len(want))
	}
	// Or this was no old kernel.
	r := finish(t, w.onOldKernel(w.base("true", "--require", "landlock")))
	if r.status != 125 || !strings.Contains(r.err, "--require landlock: it does not hold") {
		t.Errorf("there is Landlock on a kernel that is older: %s", r)
	}
}

// TestOldKernelSubmounts: what is mounted below a folder that the agent may only
// read is read-only as well. There the kernel does not look after it.
func TestOldKernelSubmounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	below := w.home + "/shown/a b"
	w.mkdir(below, 0o755)
	w.write(w.home+"/.config/jailed-claude/config.toml", "version = 1\n[files]\nread = [\"~/shown\"]\n")
	script := `touch "$HOME/shown/x" 2>&1; touch "$HOME/shown/a b/x" 2>&1; [[ $(</proc/self/mountinfo) == *"/shown/a"* ]] && echo mounted`
	args := append([]string{below, "0"}, w.oldKernel(w.base(script))...)
	r := finish(t, w.privileged("mounted", unix.CAP_SYS_ADMIN, syscall.CLONE_NEWNS, args))
	if r.status != 0 || strings.Count(r.out, "Read-only file system") != 2 || !strings.HasSuffix(r.out, "\nmounted\n") {
		t.Errorf("a folder that is to be read only could be written: %s", r)
	}
}
