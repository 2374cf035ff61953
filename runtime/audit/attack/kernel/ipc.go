package kernel

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// IPCAttacks look for what processes of one user share without files.
func IPCAttacks() []attack.Attack {
	var all []attack.Attack
	add := func(name, source, success string, run func(*attack.Env) attack.Result) {
		all = append(all, attack.Attack{Name: name, Class: "shared memory and keys", Promise: attack.PromisePrivilege, Source: source, Success: success, Run: run})
	}
	for _, ring := range []struct {
		name string
		id   int
	}{{"session", 3}, {"user", 4}, {"user-session", 5}} {
		add("keyring-"+ring.name, "keyrings(7), CVE-2021-4034's neighbours", "the caller's key is read", func(e *attack.Env) attack.Result {
			if e.Key == "" {
				return attack.Inapplicable("the caller's kernel has no keyrings, or denies them")
			}
			// What is found is linked to the process keyring (-2): only who
			// possesses a key may read it. One that is made for that is known to
			// the thread that makes it, and to those that it starts.
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			id, _, errno := unix.Syscall6(unix.SYS_KEYCTL, 10, attack.Minus(ring.id), attack.CString("user"), attack.CString(e.Key), attack.Minus(2), 0) // KEYCTL_SEARCH
			if errno != 0 {
				return attack.HeldBy("%s", attack.Plain(errno))
			}
			p, b := attack.Buffer(256)
			n, _, errno := unix.Syscall6(unix.SYS_KEYCTL, 11, id, p, uintptr(len(b)), 0, 0) // KEYCTL_READ
			if errno != 0 {
				return attack.HeldBy("%s", attack.Plain(errno))
			}
			return e.GotSecret(b[:min(int(n), len(b))], nil)
		})
	}
	add("shared-memory-sysv", "sysvipc(7)", "shared memory of the caller is read", func(e *attack.Env) attack.Result {
		if e.SHM == 0 {
			return attack.Inapplicable("the caller has no shared memory: %s", e.Lacks["SHM"])
		}
		id, _, errno := unix.Syscall(unix.SYS_SHMGET, uintptr(e.SHM), 0, 0)
		if errno != 0 {
			return attack.HeldBy("%s", attack.Plain(errno))
		}
		b, err := unix.SysvShmAttach(int(id), 0, unix.SHM_RDONLY)
		if err != nil {
			return attack.HeldBy("%s", attack.Plain(err))
		}
		defer func() { _ = unix.SysvShmDetach(b) }()
		return e.GotSecret(b, nil)
	})
	add("messages-sysv", "sysvipc(7)", "a message queue of the caller is there", func(e *attack.Env) attack.Result {
		if e.MSG == 0 {
			return attack.Inapplicable("the caller has no message queue: %s", e.Lacks["MSG"])
		}
		_, _, errno := unix.Syscall(unix.SYS_MSGGET, uintptr(e.MSG), 0, 0)
		if errno != 0 {
			return attack.HeldBy("%s", attack.Plain(errno))
		}
		return attack.Through("it is there")
	})
	add("messages-posix", "mq_overview(7)", "a message queue of the caller is there", func(e *attack.Env) attack.Result {
		if e.MQ == "" {
			return attack.Inapplicable("the caller has no message queue: %s", e.Lacks["MQ"])
		}
		fd, _, errno := unix.Syscall6(unix.SYS_MQ_OPEN, attack.CString(e.MQ), unix.O_RDONLY, 0, 0, 0, 0)
		if errno != 0 {
			return attack.HeldBy("%s", attack.Plain(errno))
		}
		_ = unix.Close(int(fd))
		return attack.Through("it is open")
	})
	add("shared-memory-posix", "shm_overview(7)", "shared memory of the caller is read", func(e *attack.Env) attack.Result {
		return e.Secret("shm", func(p string) string { return p })
	})
	add("semaphores-list", "sysvipc(7)", "IPC objects of the host are listed", func(e *attack.Env) attack.Result {
		if e.SHM == 0 {
			return attack.Inapplicable("the caller has no shared memory: %s", e.Lacks["SHM"])
		}
		var info [128]byte
		n, _, errno := unix.Syscall(unix.SYS_SHMCTL, 0, 14, uintptr(unsafe.Pointer(&info[0]))) // SHM_INFO
		if errno != 0 {
			return attack.HeldBy("%s", attack.Plain(errno))
		}
		used := *(*int32)(unsafe.Pointer(&info[0]))
		if used == 0 {
			return attack.HeldBy("there are none")
		}
		return attack.Through("%d segments of shared memory, up to number %d", used, n)
	})
	return all
}
