package audit

import (
	"golang.org/x/sys/unix"
)

// mountAttacks change what is mounted where, in a mount namespace of a process of
// their own: nothing is left when they work.
func mountAttacks() []Attack {
	var all []Attack
	add := func(name, source, success string, calls ...call) {
		all = append(all, Attack{Name: name, Class: "mounts", Promise: promisePrivilege, Source: source, Success: success, Run: func(e *Env) Result {
			if e.Facts.Nesting {
				return notApplicable("the policy lets the agent make namespaces")
			}
			var err error
			for _, flags := range []uintptr{unix.CLONE_NEWUSER | unix.CLONE_NEWNS, unix.CLONE_NEWNS} {
				if err = forked(append([]call{sys(unix.SYS_UNSHARE, flags)}, calls...)...); err == nil {
					return through("the kernel did it")
				}
			}
			return held("%s", plain(err))
		}})
	}
	root, tmp, proc := cstr("/"), cstr("/tmp"), cstr("/proc")
	add("mount-tmpfs", "mount(2)", "a tmpfs is mounted", sys(unix.SYS_MOUNT, cstr("x"), tmp, cstr("tmpfs"), 0, 0))
	add("mount-overlay", "CVE-2023-0386", "an overlay is mounted", sys(unix.SYS_MOUNT, cstr("x"), tmp, cstr("overlay"), 0, cstr("lowerdir=/etc:/dev")))
	add("mount-bind", "mount(2)", "the root is mounted in another place", sys(unix.SYS_MOUNT, root, tmp, 0, unix.MS_BIND|unix.MS_REC, 0))
	add("mount-remount-root", "mount(2)", "a read-only root can be written", sys(unix.SYS_MOUNT, 0, root, 0, unix.MS_REMOUNT|unix.MS_BIND, 0))
	add("mount-move", "mount(2)", "a mount is moved", sys(unix.SYS_MOUNT, proc, tmp, 0, unix.MS_MOVE, 0))
	add("umount-proc", "umount(2)", "/proc is taken away with its masks", sys(unix.SYS_UMOUNT2, proc, unix.MNT_DETACH))
	add("umount-mask", "umount(2)", "a mask is taken away", sys(unix.SYS_UMOUNT2, cstr("/proc/timer_list"), unix.MNT_DETACH))
	add("pivot-root", "pivot_root(2)", "the process has another root", sys(unix.SYS_MOUNT, cstr("x"), tmp, cstr("tmpfs"), 0, 0), sys(unix.SYS_PIVOT_ROOT, tmp, tmp))
	add("chroot", "chroot(2)", "the process has another root", sys(unix.SYS_CHROOT, tmp))
	add("open-tree", "open_tree(2), Linux 5.2", "a copy of the mounts is open", sys(unix.SYS_OPEN_TREE, atCwd, root, unix.OPEN_TREE_CLONE|unix.AT_RECURSIVE))
	add("fsopen", "fsopen(2), Linux 5.2", "a file system is being configured", sys(unix.SYS_FSOPEN, cstr("tmpfs"), 0))
	add("fspick", "fspick(2), Linux 5.2", "a mounted file system is being configured", sys(unix.SYS_FSPICK, atCwd, tmp, 0))
	add("mount-setattr", "mount_setattr(2), Linux 5.12", "a read-only root can be written", sys(unix.SYS_MOUNT_SETATTR, atCwd, root, 0,
		keep(&unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}), unix.MOUNT_ATTR_SIZE_VER0))
	add("move-mount", "move_mount(2), Linux 5.2", "a mount is moved", sys(unix.SYS_MOVE_MOUNT, atCwd, proc, atCwd, tmp, 0))
	all = append(all, Attack{Name: "swapon", Class: "mounts", Promise: promisePrivilege, Source: "swapon(2)", Success: "memory of the host goes to a file",
		Run: func(*Env) Result { return refused(forked(sys(unix.SYS_SWAPON, cstr("/jailed-claude-audit"), 0))) }})
	return all
}
