package inspect

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sleeping is the PID of a process that was started like that.
func sleeping(t *testing.T, attr *syscall.SysProcAttr) int {
	t.Helper()
	c := exec.Command("sleep", "1000")
	c.SysProcAttr = attr
	if err := c.Start(); errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		t.Skip("this host makes no such process: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	return c.Process.Pid
}

// newCgroup is the file that moves processes into a cgroup below this one's.
func newCgroup(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root makes a cgroup wherever it is")
	}
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	// cgroups(7): a line is hierarchy:controllers:path.
	for line := range strings.Lines(string(text)) {
		all := strings.SplitN(strings.TrimSpace(line), ":", 3)
		own := filepath.Join("/sys/fs/cgroup", strings.TrimPrefix(all[1], "name="), all[2])
		if _, err := os.Stat(filepath.Join(own, "cgroup.procs")); err != nil {
			continue
		}
		dir, err := os.MkdirTemp(own, "like-")
		if err != nil {
			continue
		}
		t.Cleanup(func() {
			// Who was killed leaves it in its own time.
			for end := time.Now().Add(time.Minute); os.Remove(dir) != nil; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Errorf("%s is left", dir)
					return
				}
			}
		})
		return filepath.Join(dir, "cgroup.procs")
	}
	t.Skip("root makes no cgroup here")
	return ""
}

// TestLike: a further program that is not like PID 1, or not like the agent, in any
// one thing is refused, and that is named.
func TestLike(t *testing.T) {
	same := []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
	group := []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
	refused := func(t *testing.T, what string, pid, pid1, agent int) {
		t.Helper()
		if err := Like(pid, pid1, agent); err == nil || !strings.Contains(err.Error(), "its "+what+" is not") {
			t.Errorf("%s: %v", what, err)
		}
	}
	one, other := sleeping(t, nil), sleeping(t, nil)
	if err := Like(one, other, other); err != nil {
		t.Error(err)
	}
	for what, flag := range map[string]uintptr{
		"mnt": unix.CLONE_NEWNS, "pid": unix.CLONE_NEWPID, "net": unix.CLONE_NEWNET, "ipc": unix.CLONE_NEWIPC, "uts": unix.CLONE_NEWUTS, "cgroup": unix.CLONE_NEWCGROUP,
	} {
		t.Run(what, func(t *testing.T) {
			pid := sleeping(t, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | flag, UidMappings: same, GidMappings: group})
			refused(t, "ns/"+what, pid, one, pid)
		})
	}
	t.Run("ids", func(t *testing.T) {
		both := sleeping(t, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER, UidMappings: same, GidMappings: group})
		uid := sleeping(t, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER, UidMappings: same})
		refused(t, "uid_map", both, both, one)
		refused(t, "gid_map", both, both, uid)
	})
	t.Run("limits", func(t *testing.T) {
		if err := unix.Prlimit(one, unix.RLIMIT_STACK, &unix.Rlimit{Cur: 1 << 20, Max: 1 << 20}, nil); err != nil {
			t.Fatal(err)
		}
		refused(t, "limits", one, other, other)
	})
	t.Run("another cgroup", func(t *testing.T) {
		procs := newCgroup(t)
		moved := sleeping(t, nil)
		if err := os.WriteFile(procs, []byte(strconv.Itoa(moved)), 0); err != nil {
			t.Fatal(err)
		}
		refused(t, "cgroup", moved, other, other)
	})
	t.Run("another user", func(t *testing.T) {
		if os.Getuid() != 0 {
			t.Skip("only root becomes another user")
		}
		for _, c := range []syscall.Credential{{Uid: 1, NoSetGroups: true}, {Gid: 1, NoSetGroups: true}, {Groups: []uint32{1}}} {
			refused(t, "status", sleeping(t, &syscall.SysProcAttr{Credential: &c}), other, other)
		}
	})
}
