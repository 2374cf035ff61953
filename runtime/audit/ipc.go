package audit

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// ipcAttacks look for what processes of one user share without files.
func ipcAttacks() []Attack {
	var all []Attack
	add := func(name, source, success string, run func(*Env) Result) {
		all = append(all, Attack{Name: name, Class: "shared memory and keys", Promise: promisePrivilege, Source: source, Success: success, Run: run})
	}
	for _, ring := range []struct {
		name string
		id   int
	}{{"session", 3}, {"user", 4}, {"user-session", 5}} {
		add("keyring-"+ring.name, "keyrings(7), CVE-2021-4034's neighbours", "the caller's key is read", func(e *Env) Result {
			if e.Key == "" {
				return notApplicable("the caller's kernel has no keyrings, or denies them")
			}
			// What is found is linked to the process keyring (-2): only who
			// possesses a key may read it.
			id, _, errno := unix.Syscall6(unix.SYS_KEYCTL, 10, minus(ring.id), cstr("user"), cstr(e.Key), minus(2), 0) // KEYCTL_SEARCH
			if errno != 0 {
				return held("%s", plain(errno))
			}
			p, b := buffer(256)
			n, _, errno := unix.Syscall6(unix.SYS_KEYCTL, 11, id, p, uintptr(len(b)), 0, 0) // KEYCTL_READ
			if errno != 0 {
				return held("%s", plain(errno))
			}
			return e.gotSecret(b[:min(int(n), len(b))], nil)
		})
	}
	add("shared-memory-sysv", "sysvipc(7)", "shared memory of the caller is read", func(e *Env) Result {
		if e.SHM == 0 {
			return notApplicable("the caller has no shared memory: %s", e.Lacks["SHM"])
		}
		id, _, errno := unix.Syscall(unix.SYS_SHMGET, uintptr(e.SHM), 0, 0)
		if errno != 0 {
			return held("%s", plain(errno))
		}
		b, err := unix.SysvShmAttach(int(id), 0, unix.SHM_RDONLY)
		if err != nil {
			return held("%s", plain(err))
		}
		defer func() { _ = unix.SysvShmDetach(b) }()
		return e.gotSecret(b, nil)
	})
	add("messages-sysv", "sysvipc(7)", "a message queue of the caller is there", func(e *Env) Result {
		if e.MSG == 0 {
			return notApplicable("the caller has no message queue: %s", e.Lacks["MSG"])
		}
		_, _, errno := unix.Syscall(unix.SYS_MSGGET, uintptr(e.MSG), 0, 0)
		if errno != 0 {
			return held("%s", plain(errno))
		}
		return through("it is there")
	})
	add("messages-posix", "mq_overview(7)", "a message queue of the caller is there", func(e *Env) Result {
		if e.MQ == "" {
			return notApplicable("the caller has no message queue: %s", e.Lacks["MQ"])
		}
		fd, _, errno := unix.Syscall6(unix.SYS_MQ_OPEN, cstr(e.MQ), unix.O_RDONLY, 0, 0, 0, 0)
		if errno != 0 {
			return held("%s", plain(errno))
		}
		_ = unix.Close(int(fd))
		return through("it is open")
	})
	add("shared-memory-posix", "shm_overview(7)", "shared memory of the caller is read", func(e *Env) Result {
		return e.secret("shm", func(p string) string { return p })
	})
	add("semaphores-list", "sysvipc(7)", "IPC objects of the host are listed", func(e *Env) Result {
		if e.SHM == 0 {
			return notApplicable("the caller has no shared memory: %s", e.Lacks["SHM"])
		}
		var info [128]byte
		n, _, errno := unix.Syscall(unix.SYS_SHMCTL, 0, 14, uintptr(unsafe.Pointer(&info[0]))) // SHM_INFO
		if errno != 0 {
			return held("%s", plain(errno))
		}
		used := *(*int32)(unsafe.Pointer(&info[0]))
		if used == 0 {
			return held("there are none")
		}
		return through("%d segments of shared memory, up to number %d", used, n)
	})
	return all
}
