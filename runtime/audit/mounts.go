package audit

import (
	"golang.org/x/sys/unix"
)

// mountAttacks change what is mounted where.
func mountAttacks() []Attack {
	var all []Attack
	add := func(name, source, success string, calls func(e *Env) []call) {
		all = append(all, Attack{Name: name, Class: "mounts", Promise: promisePrivilege, Source: source, Success: success,
			Run: func(e *Env) Result { return refused(forked(calls(e)...)) }})
	}
	one := func(c call) func(*Env) []call { return func(*Env) []call { return []call{c} } }
	// Only what a process of its own mounts, in a namespace of its own if the
	// kernel gives it one: nothing is to be left when it works.
	own := sys(unix.SYS_UNSHARE, unix.CLONE_NEWUSER|unix.CLONE_NEWNS)
	tmp := cstr("/tmp")
	add("mount-tmpfs", "mount(2)", "a tmpfs is mounted", func(*Env) []call {
		return []call{own, sys(unix.SYS_MOUNT, cstr("x"), tmp, cstr("tmpfs"), 0, 0)}
	})
	add("mount-proc", "mount(2)", "a /proc without masks is mounted", func(*Env) []call {
		return []call{sys(unix.SYS_UNSHARE, unix.CLONE_NEWUSER|unix.CLONE_NEWNS|unix.CLONE_NEWPID), sys(unix.SYS_MOUNT, cstr("x"), tmp, cstr("tmpfs"), 0, 0)}
	})
	add("mount-overlay", "CVE-2023-0386", "an overlay is mounted", func(*Env) []call {
		return []call{own, sys(unix.SYS_MOUNT, cstr("x"), tmp, cstr("overlay"), 0, cstr("lowerdir=/tmp:/proc"))}
	})
	add("mount-bind", "mount(2)", "the root is mounted in another place", func(*Env) []call {
		return []call{own, sys(unix.SYS_MOUNT, cstr("/"), tmp, 0, unix.MS_BIND|unix.MS_REC, 0)}
	})
	add("mount-shared", "mount_namespaces(7)", "mounts propagate to where they came from", one(sys(unix.SYS_MOUNT, 0, cstr("/jailed-claude-audit"), 0, unix.MS_SHARED, 0)))
	add("mount-remount-root", "mount(2)", "the root can be written", one(sys(unix.SYS_MOUNT, 0, cstr("/jailed-claude-audit"), 0, unix.MS_REMOUNT|unix.MS_BIND, 0)))
	add("mount-move", "mount(2)", "a mount is moved", one(sys(unix.SYS_MOUNT, cstr("/proc"), cstr("/jailed-claude-audit"), 0, unix.MS_MOVE, 0)))
	add("umount", "umount(2)", "a mask is taken away", one(sys(unix.SYS_UMOUNT2, cstr("/proc/jailed-claude-audit"), unix.MNT_DETACH)))
	add("pivot-root", "pivot_root(2)", "the process has another root", one(sys(unix.SYS_PIVOT_ROOT, cstr("/jailed-claude-audit"), cstr("/jailed-claude-audit"))))
	add("open-tree", "open_tree(2), Linux 5.2", "a copy of the mounts is open", one(sys(unix.SYS_OPEN_TREE, atCwd, cstr("/"), unix.OPEN_TREE_CLONE|unix.AT_RECURSIVE)))
	add("fsopen", "fsopen(2), Linux 5.2", "a file system is being configured", one(sys(unix.SYS_FSOPEN, cstr("tmpfs"), 0)))
	add("fspick", "fspick(2), Linux 5.2", "a mounted file system is being configured", one(sys(unix.SYS_FSPICK, atCwd, cstr("/"), 0)))
	add("mount-setattr", "mount_setattr(2), Linux 5.12", "a read-only mount can be written", one(sys(unix.SYS_MOUNT_SETATTR, atCwd, cstr("/jailed-claude-audit"), 0,
		keep(&unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}), unix.MOUNT_ATTR_SIZE_VER0)))
	add("move-mount", "move_mount(2), Linux 5.2", "a mount is moved", one(sys(unix.SYS_MOVE_MOUNT, atCwd, cstr("/proc"), atCwd, cstr("/jailed-claude-audit"), 0)))
	add("swapon", "swapon(2)", "memory of the host goes to a file", one(sys(unix.SYS_SWAPON, cstr("/jailed-claude-audit"), 0)))
	add("quota", "quotactl(2)", "quotas of the host are changed", one(sys(unix.SYS_QUOTACTL, 0x80000100, cstr("/jailed-claude-audit"), 0, 0)))
	return all
}
