package privilege

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// The first system calls that older kernels do not have. From 424 on the numbers
// are those of every architecture, in the order in which the kernel got them
// (mount_setattr of 5.12 is 442, Landlock's of 5.13 begin at 444, statmount of
// 6.8 is 457).
const (
	after510 = "441"
	after67  = "457"
)

// onOldKernel is the part "old-kernel": it runs a command where no system call
// from a number on is known. That goes on in all that the command starts.
//
// Arguments: the number, the command.
func onOldKernel(args []string) int {
	first, err := strconv.ParseUint(args[0], 10, 32)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	args = args[1:]
	runtime.LockOSThread() // execve keeps what this thread has
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // seccomp_data.nr
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: uint32(first), Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	err = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&filter)), 0, 0)
	}
	if err == nil {
		_ = os.Unsetenv(world.PartEnv)
		err = syscall.Exec(args[0], args, os.Environ())
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// oldKernel is a command of this binary's that runs c on an old kernel, after
// which comes the system call first.
func oldKernel(w *world.World, first string, c *exec.Cmd) []string {
	w.T.Helper()
	self, err := os.Executable()
	if err != nil {
		w.T.Fatal(err)
	}
	return append([]string{world.RequireTool(w.T, "env"), world.PartEnv + "=old-kernel", self, first}, c.Args...)
}

func underOldKernel(w *world.World, first string, c *exec.Cmd) *exec.Cmd {
	w.T.Helper()
	args := oldKernel(w, first, c)
	old := exec.Command(args[0], args[1:]...)
	old.Dir, old.Env = c.Dir, c.Env
	return old
}

// placesAndFlags are the mounts of a jail with all their flags.
func placesAndFlags(t *testing.T, r world.Result) map[string]string {
	t.Helper()
	if r.Status != 0 {
		t.Fatalf("the jail did not run: %s", r)
	}
	all := map[string]string{}
	for _, l := range world.Lines(r.Out) {
		f := strings.Fields(l)
		all[f[4]] += f[5] + ";"
	}
	return all
}

// TestOldKernel: on a kernel without mount_setattr(2) and Landlock every mount
// has the flags that it has on this one.
func TestOldKernel(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	mounts := func() *exec.Cmd { return w.Base("cat /proc/self/mountinfo", "--require", "seccomp,caps,userns,net") }
	want, got := placesAndFlags(t, world.Finish(t, mounts())), placesAndFlags(t, world.Finish(t, underOldKernel(w, after510, mounts())))
	if !maps.Equal(want, got) {
		for place := range want {
			if want[place] != got[place] {
				t.Errorf("%s: %q, on a newer kernel %q", place, got[place], want[place])
			}
		}
		t.Errorf("%d mounts, on a newer kernel %d", len(got), len(want))
	}
	// Or this was no old kernel.
	r := world.Finish(t, underOldKernel(w, after510, w.Base("true", "--require", "landlock")))
	if r.Status != 125 || !strings.Contains(r.Err, "--require landlock: it does not hold") {
		t.Errorf("there is Landlock on a kernel that is older: %s", r)
	}
}

// TestOldKernelLandlock: where the kernel knows nothing that is newer than Linux
// 6.7, Landlock holds and the agent writes in the same places.
func TestOldKernelLandlock(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	script := `for f in "$PWD/x" /tmp/x "$HOME/x" /dev/shm/x /dev/null; do echo > "$f" || echo "not $f"; done; echo tried`
	for _, c := range []*exec.Cmd{w.Base(script, "--require", "landlock"), underOldKernel(w, after67, w.Base(script, "--require", "landlock"))} {
		if r := world.Finish(t, c); r.Status != 0 || r.Out != "tried\n" {
			t.Errorf("%q: %s", c.Args, r)
		}
	}
}

// TestOldKernelSubmounts: what is mounted below a folder that the agent may only
// read is read-only as well. There the kernel does not look after it.
func TestOldKernelSubmounts(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	below := w.Home + "/shown/a b"
	w.Mkdir(below, 0o755)
	w.Write(w.Home+"/.config/jailed-claude/config.toml", "version = 1\n[files]\nread = [\"~/shown\"]\n")
	script := `touch "$HOME/shown/x" 2>&1; touch "$HOME/shown/a b/x" 2>&1; [[ $(</proc/self/mountinfo) == *"/shown/a"* ]] && echo mounted`
	args := append([]string{below, "0"}, oldKernel(w, after510, w.Base(script))...)
	r := world.Finish(t, w.Privileged("mounted", unix.CAP_SYS_ADMIN, syscall.CLONE_NEWNS, args))
	if r.Status != 0 || strings.Count(r.Out, "Read-only file system") != 2 || !strings.HasSuffix(r.Out, "\nmounted\n") {
		t.Errorf("a folder that is to be read only could be written: %s", r)
	}
}
