package kernel

import (
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

var namespaces = []struct {
	name string
	flag uintptr
}{
	{"mnt", unix.CLONE_NEWNS},
	{"cgroup", unix.CLONE_NEWCGROUP},
	{"uts", unix.CLONE_NEWUTS},
	{"ipc", unix.CLONE_NEWIPC},
	{"user", unix.CLONE_NEWUSER},
	{"pid", unix.CLONE_NEWPID},
	{"net", unix.CLONE_NEWNET},
	{"time", unix.CLONE_NEWTIME},
}

// cloneArgs is struct clone_args of clone3(2).
type cloneArgs struct {
	flags      uint64
	_          [3]uint64
	exitSignal uint64
	_          [3]uint64
}

// NamespaceAttacks make namespaces: in a user namespace of its own a process has
// every capability, and most holes of the kernel lie behind one.
func NamespaceAttacks() []attack.Attack {
	var all []attack.Attack
	add := func(name, source, success string, run func(*attack.Env) attack.Result) {
		all = append(all, attack.Attack{Name: name, Class: "namespaces", Promise: attack.PromisePrivilege, Source: source, Success: success, Run: func(e *attack.Env) attack.Result {
			if e.Facts.Nesting {
				return attack.Inapplicable("the policy lets the agent make namespaces")
			}
			return run(e)
		}})
	}
	exit := attack.Sys(unix.SYS_EXIT_GROUP, 0)
	for _, ns := range namespaces {
		const success = "the process has a user namespace of its own, and the other with every capability"
		add("unshare-"+ns.name, "unshare(2), user_namespaces(7)", success, func(*attack.Env) attack.Result {
			return attack.Refused(attack.Forked(attack.Sys(unix.SYS_UNSHARE, unix.CLONE_NEWUSER|ns.flag)))
		})
		if ns.flag > 0xff { // below is the exit signal of clone(2)
			add("clone-"+ns.name, "clone(2), user_namespaces(7)", success, func(*attack.Env) attack.Result {
				// The new process makes the next call as the old one does: both end.
				return attack.Refused(attack.Forked(attack.Sys(unix.SYS_CLONE, unix.CLONE_NEWUSER|ns.flag|uintptr(unix.SIGCHLD)), exit))
			})
		}
		add("clone3-"+ns.name, "clone3(2): flags where a filter cannot look", success, func(*attack.Env) attack.Result {
			a := &cloneArgs{flags: uint64(unix.CLONE_NEWUSER | ns.flag), exitSignal: uint64(unix.SIGCHLD)}
			return attack.Refused(attack.Forked(attack.Sys(unix.SYS_CLONE3, attack.Keep(a), unsafe.Sizeof(*a)), exit))
		})
	}
	add("clone-high-bits", "bits that only a careless filter compares", "a user namespace", func(*attack.Env) attack.Result {
		return attack.Refused(attack.Forked(attack.Sys(unix.SYS_CLONE, unix.CLONE_NEWUSER|1<<40|uintptr(unix.SIGCHLD)), exit))
	})
	for _, ns := range namespaces {
		add("setns-"+ns.name, "setns(2)", "the process is in a namespace of PID 1", func(*attack.Env) attack.Result {
			return attack.Enters("/proc/1/ns/"+ns.name, ns.flag)
		})
	}
	add("setns-pidfd", "setns(2), Linux 5.8", "the process is in the namespaces of PID 1", func(*attack.Env) attack.Result {
		fd, err := unix.PidfdOpen(1, 0)
		if err != nil {
			return attack.HeldBy("%s", attack.Plain(err))
		}
		defer unix.Close(fd)
		return attack.Unless(attack.Forked(attack.Sys(unix.SYS_SETNS, uintptr(fd), unix.CLONE_NEWNS|unix.CLONE_NEWNET)), "the kernel did it")
	})
	add("map-ids", "user_namespaces(7)", "a namespace without ids maps them, and the process is uid 0 in it", func(e *attack.Env) attack.Result {
		for _, name := range []string{"uid_map", "gid_map"} {
			for _, text := range []string{"0 0 1\n", "0 " + strconv.Itoa(e.UID) + " 1\n"} {
				// One write a descriptor is all that the kernel looks at.
				f, err := os.OpenFile("/proc/self/"+name, os.O_WRONLY, 0)
				if err != nil {
					continue
				}
				_, err = f.WriteString(text)
				_ = f.Close()
				if err == nil {
					return attack.Through("%s was written", name)
				}
			}
		}
		return attack.HeldBy("neither map can be written")
	})
	return all
}
