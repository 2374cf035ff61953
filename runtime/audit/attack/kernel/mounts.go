package kernel

import (
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// MountAttacks change what is mounted where, in a mount namespace of a process of
// their own: nothing is left when they work.
func MountAttacks() []attack.Attack {
	var all []attack.Attack
	add := func(name, source, success string, calls ...attack.Call) {
		all = append(all, attack.Attack{Name: name, Class: "mounts", Promise: attack.PromisePrivilege, Source: source, Success: success, Run: func(e *attack.Env) attack.Result {
			if e.Facts.Nesting {
				return attack.Inapplicable("the policy lets the agent make namespaces")
			}
			var err error
			for _, flags := range []uintptr{unix.CLONE_NEWUSER | unix.CLONE_NEWNS, unix.CLONE_NEWNS} {
				if err = attack.Forked(append([]attack.Call{attack.Sys(unix.SYS_UNSHARE, flags)}, calls...)...); err == nil {
					return attack.Through("the kernel did it")
				}
			}
			return attack.HeldBy("%s", attack.Plain(err))
		}})
	}
	root, tmp, proc := attack.CString("/"), attack.CString("/tmp"), attack.CString("/proc")
	add("mount-tmpfs", "mount(2)", "a tmpfs is mounted", attack.Sys(unix.SYS_MOUNT, attack.CString("x"), tmp, attack.CString("tmpfs"), 0, 0))
	add("mount-overlay", "CVE-2023-0386", "an overlay is mounted", attack.Sys(unix.SYS_MOUNT, attack.CString("x"), tmp, attack.CString("overlay"), 0, attack.CString("lowerdir=/etc:/dev")))
	add("mount-bind", "mount(2)", "the root is mounted in another place", attack.Sys(unix.SYS_MOUNT, root, tmp, 0, unix.MS_BIND|unix.MS_REC, 0))
	add("mount-remount-root", "mount(2)", "a read-only root can be written", attack.Sys(unix.SYS_MOUNT, 0, root, 0, unix.MS_REMOUNT|unix.MS_BIND, 0))
	add("mount-move", "mount(2)", "a mount is moved", attack.Sys(unix.SYS_MOUNT, proc, tmp, 0, unix.MS_MOVE, 0))
	add("umount-proc", "umount(2)", "/proc is taken away with its masks", attack.Sys(unix.SYS_UMOUNT2, proc, unix.MNT_DETACH))
	add("umount-mask", "umount(2)", "a mask is taken away", attack.Sys(unix.SYS_UMOUNT2, attack.CString("/proc/timer_list"), unix.MNT_DETACH))
	add("pivot-root", "pivot_root(2)", "the process has another root", attack.Sys(unix.SYS_MOUNT, attack.CString("x"), tmp, attack.CString("tmpfs"), 0, 0), attack.Sys(unix.SYS_PIVOT_ROOT, tmp, tmp))
	add("chroot", "chroot(2)", "the process has another root", attack.Sys(unix.SYS_CHROOT, tmp))
	add("open-tree", "open_tree(2), Linux 5.2", "a copy of the mounts is open", attack.Sys(unix.SYS_OPEN_TREE, attack.AtCwd, root, unix.OPEN_TREE_CLONE|unix.AT_RECURSIVE))
	add("fsopen", "fsopen(2), Linux 5.2", "a file system is being configured", attack.Sys(unix.SYS_FSOPEN, attack.CString("tmpfs"), 0))
	add("fspick", "fspick(2), Linux 5.2", "a mounted file system is being configured", attack.Sys(unix.SYS_FSPICK, attack.AtCwd, tmp, 0))
	add("mount-setattr", "mount_setattr(2), Linux 5.12", "a read-only root can be written", attack.Sys(unix.SYS_MOUNT_SETATTR, attack.AtCwd, root, 0,
		attack.Keep(&unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}), unix.MOUNT_ATTR_SIZE_VER0))
	add("move-mount", "move_mount(2), Linux 5.2", "a mount is moved", attack.Sys(unix.SYS_MOVE_MOUNT, attack.AtCwd, proc, attack.AtCwd, tmp, 0))
	all = append(all, attack.Attack{
		Name: "swapon", Class: "mounts", Promise: attack.PromisePrivilege, Source: "swapon(2)", Success: "memory of the host goes to a file",
		Run: func(*attack.Env) attack.Result {
			return attack.Refused(attack.Forked(attack.Sys(unix.SYS_SWAPON, attack.CString("/jailed-claude-audit"), 0)))
		},
	})
	return all
}
