package audit

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

var namespaces = []struct {
	name string
	flag uintptr
}{
	{"mnt", unix.CLONE_NEWNS}, {"cgroup", unix.CLONE_NEWCGROUP}, {"uts", unix.CLONE_NEWUTS}, {"ipc", unix.CLONE_NEWIPC},
	{"user", unix.CLONE_NEWUSER}, {"pid", unix.CLONE_NEWPID}, {"net", unix.CLONE_NEWNET}, {"time", unix.CLONE_NEWTIME},
}

// cloneArgs is struct clone_args of clone3(2).
type cloneArgs struct {
	flags      uint64
	_          [3]uint64
	exitSignal uint64
	_          [3]uint64
}

// namespaceAttacks make namespaces: in a user namespace of its own a process has
// every capability, and most holes of the kernel lie behind one.
func namespaceAttacks() []Attack {
	var all []Attack
	add := func(name, source, success string, run func(*Env) Result) {
		all = append(all, Attack{Name: name, Class: "namespaces", Promise: promisePrivilege, Source: source, Success: success, Run: func(e *Env) Result {
			if e.Facts.Nesting {
				return notApplicable("the policy lets the agent make namespaces")
			}
			return run(e)
		}})
	}
	exit := sys(unix.SYS_EXIT_GROUP, 0)
	for _, ns := range namespaces {
		const success = "the process has a user namespace of its own, and the other with every capability"
		add("unshare-"+ns.name, "unshare(2), user_namespaces(7)", success, func(*Env) Result {
			return refused(forked(sys(unix.SYS_UNSHARE, unix.CLONE_NEWUSER|ns.flag)))
		})
		if ns.flag > 0xff { // below is the exit signal of clone(2)
			add("clone-"+ns.name, "clone(2), user_namespaces(7)", success, func(*Env) Result {
				// The new process makes the next call as the old one does: both end.
				return refused(forked(sys(unix.SYS_CLONE, unix.CLONE_NEWUSER|ns.flag|uintptr(unix.SIGCHLD)), exit))
			})
		}
		add("clone3-"+ns.name, "clone3(2): flags where a filter cannot look", success, func(*Env) Result {
			a := &cloneArgs{flags: uint64(unix.CLONE_NEWUSER | ns.flag), exitSignal: uint64(unix.SIGCHLD)}
			return refused(forked(sys(unix.SYS_CLONE3, keep(a), unsafe.Sizeof(*a)), exit))
		})
	}
	add("clone-high-bits", "bits that only a careless filter compares", "a user namespace", func(*Env) Result {
		return refused(forked(sys(unix.SYS_CLONE, unix.CLONE_NEWUSER|1<<40|uintptr(unix.SIGCHLD)), exit))
	})
	for _, ns := range namespaces {
		add("setns-"+ns.name, "setns(2)", "the process is in a namespace of PID 1", func(*Env) Result {
			return enters("/proc/1/ns/"+ns.name, ns.flag)
		})
	}
	add("setns-pidfd", "setns(2), Linux 5.8", "the process is in the namespaces of PID 1", func(*Env) Result {
		fd, err := unix.PidfdOpen(1, 0)
		if err != nil {
			return held("%s", plain(err))
		}
		defer unix.Close(fd)
		return unless(forked(sys(unix.SYS_SETNS, uintptr(fd), unix.CLONE_NEWNS|unix.CLONE_NEWNET)), "the kernel did it")
	})
	add("map-ids", "user_namespaces(7)", "a namespace without ids maps them, and the process is uid 0 in it", func(e *Env) Result {
		for _, name := range []string{"uid_map", "gid_map"} {
			for _, text := range []string{"0 0 1\n", "0 " + itoa(e.UID) + " 1\n"} {
				// One write a descriptor is all that the kernel looks at.
				f, err := os.OpenFile("/proc/self/"+name, os.O_WRONLY, 0)
				if err != nil {
					continue
				}
				_, err = f.WriteString(text)
				_ = f.Close()
				if err == nil {
					return through("%s was written", name)
				}
			}
		}
		return held("neither map can be written")
	})
	return all
}

// enters another namespace than its own.
func enters(p string, flag uintptr) Result {
	fd, err := unix.Open(p, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return held("%s", plain(err))
	}
	defer unix.Close(fd)
	err = forked(sys(unix.SYS_SETNS, uintptr(fd), flag))
	if flag == unix.CLONE_NEWUSER {
		// Nobody enters the namespace that he is in; EINVAL says that the call
		// and the namespace could be had.
		return refused(err)
	}
	return unless(err, "the kernel did it")
}
