package privilege

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attempt is one attack and how it ended: "ok" if it got through, else the
// name of the error.
type attempt struct{ Name, Result string }

// namespaces by name, with their clone(2) flag.
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

// attack is the part "attack": it tries what no agent may do, from inside, and
// prints a list of attempts as JSON. What hurts nothing but the agent's own jail
// is left out: it may lower the limits of PID 1, for it could end it as well.
func attack([]string) int {
	var all []attempt
	try := func(name string, err error) {
		result := "ok"
		if err != nil {
			result = err.Error()
			if n := syscall.Errno(0); errors.As(err, &n) {
				result = unix.ErrnoName(n)
			}
		}
		all = append(all, attempt{name, result})
	}
	call := func(name string, nr uintptr, args ...uintptr) {
		var a [6]uintptr
		copy(a[:], args)
		_, _, e := syscall.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
		if e != 0 {
			try(name, e)
		} else {
			try(name, nil)
		}
	}
	str := func(s string) uintptr { p, _ := unix.BytePtrFromString(s); return uintptr(unsafe.Pointer(p)) }

	for _, ns := range namespaces {
		if ns.flag > 0xff { // below is the exit signal of clone(2)
			try("clone "+ns.name, cloneWith(ns.flag))
			// High bits beyond the 32 that the kernel looks at.
			try("clone high "+ns.name, cloneWith(ns.flag|1<<40))
		}
		try("clone3 "+ns.name, clone3With(ns.flag))
		if fd, err := unix.Open("/proc/self/ns/"+ns.name, unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
			call("setns "+ns.name, unix.SYS_SETNS, uintptr(fd), 0)
		}
		call("unshare "+ns.name, unix.SYS_UNSHARE, ns.flag)
	}
	tmp := str("/tmp")
	call("mount tmpfs", unix.SYS_MOUNT, str("x"), tmp, str("tmpfs"), 0, 0)
	call("mount bind", unix.SYS_MOUNT, str("/"), tmp, 0, unix.MS_BIND, 0)
	call("remount /", unix.SYS_MOUNT, str("x"), str("/"), 0, unix.MS_REMOUNT|unix.MS_BIND, 0)
	call("umount /proc/sys", unix.SYS_UMOUNT2, str("/proc/sys"), unix.MNT_DETACH)
	call("umount /tmp", unix.SYS_UMOUNT2, tmp, unix.MNT_DETACH)
	call("open_tree", unix.SYS_OPEN_TREE, ^uintptr(99), str("/"), unix.OPEN_TREE_CLONE)
	call("fsopen", unix.SYS_FSOPEN, str("tmpfs"), 0)
	call("mount_setattr", unix.SYS_MOUNT_SETATTR, ^uintptr(99), str("/"), 0, uintptr(unsafe.Pointer(&unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY})), unix.MOUNT_ATTR_SIZE_VER0)
	call("pivot_root", unix.SYS_PIVOT_ROOT, tmp, tmp)
	call("chroot", unix.SYS_CHROOT, tmp)
	call("sethostname", unix.SYS_SETHOSTNAME, str("x"), 1)
	call("keyctl", unix.SYS_KEYCTL, 0, ^uintptr(3), 1)
	call("add_key", unix.SYS_ADD_KEY, str("user"), str("x"), str("x"), 1, ^uintptr(3))
	call("bpf", unix.SYS_BPF, 0, 0, 0)
	call("perf_event_open", unix.SYS_PERF_EVENT_OPEN, 0, 0, ^uintptr(0), ^uintptr(0), 0)
	call("userfaultfd", unix.SYS_USERFAULTFD, 0)
	call("io_uring_setup", unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(new([120]byte))))
	call("init_module", unix.SYS_INIT_MODULE, 0, 0, 0)
	call("kexec_load", unix.SYS_KEXEC_LOAD, 0, 0, 0, 0)
	call("reboot", unix.SYS_REBOOT, 0, 0, 0, 0)
	call("swapon", unix.SYS_SWAPON, tmp, 0)
	call("settimeofday", unix.SYS_SETTIMEOFDAY, uintptr(unsafe.Pointer(&unix.Timeval{Sec: 1})), 0)
	call("quotactl", unix.SYS_QUOTACTL, 0, 0, 0, 0)
	call("acct", unix.SYS_ACCT, tmp)
	call("syslog", unix.SYS_SYSLOG, 3, tmp, 1)
	call("open_by_handle_at", unix.SYS_OPEN_BY_HANDLE_AT, ^uintptr(99), 0, 0)
	call("personality", unix.SYS_PERSONALITY, 0x0040000) // ADDR_NO_RANDOMIZE
	call("mknod device", unix.SYS_MKNODAT, ^uintptr(99), str("/tmp/disk"), unix.S_IFBLK|0o600, 0xfe00)
	call("setuid other", unix.SYS_SETUID, 12345)
	call("setgroups", unix.SYS_SETGROUPS, 0, 0)
	call("chown other", unix.SYS_FCHOWNAT, ^uintptr(99), str("/tmp"), 12345, 12345, 0)
	call("capset", unix.SYS_CAPSET, uintptr(unsafe.Pointer(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3})),
		uintptr(unsafe.Pointer(&[2]unix.CapUserData{{Effective: 1, Permitted: 1}})))
	call("socket packet", unix.SYS_SOCKET, unix.AF_PACKET, unix.SOCK_RAW, 0)
	call("socket raw", unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_RAW, 1)
	call("socket vsock", unix.SYS_SOCKET, unix.AF_VSOCK, unix.SOCK_STREAM, 0)

	call("ptrace 1", unix.SYS_PTRACE, unix.PTRACE_SEIZE, 1, 0, 0)
	var b [8]byte
	iov := unix.Iovec{Base: &b[0], Len: 8}
	call("process_vm_readv 1", unix.SYS_PROCESS_VM_READV, 1, uintptr(unsafe.Pointer(&iov)), 1, uintptr(unsafe.Pointer(&iov)), 1, 0)
	if fd, _, e := syscall.RawSyscall(unix.SYS_PIDFD_OPEN, 1, 0, 0); e == 0 {
		call("pidfd_getfd 1", unix.SYS_PIDFD_GETFD, fd, 0, 0)
		call("setns pidfd 1", unix.SYS_SETNS, fd, unix.CLONE_NEWNS)
	}
	call("kcmp 1", unix.SYS_KCMP, 1, uintptr(os.Getpid()), 0, 0, 0)
	for _, link := range []string{"exe", "root", "cwd"} {
		_, err := os.Readlink("/proc/1/" + link)
		try("readlink /proc/1/"+link, plain(err))
	}
	for _, name := range []string{"exe", "environ", "mem", "maps", "auxv", "stack", "root/etc/passwd", "cwd/x", "syscall", "io", "pagemap"} {
		f, err := os.Open("/proc/1/" + name)
		if err == nil {
			_, err = f.Read(b[:])
			_ = f.Close()
		}
		try("read /proc/1/"+name, plain(err))
	}
	for _, name := range []string{"fd", "fdinfo", "map_files", "task/1/fd", "root", "cwd", "ns"} {
		entries, err := os.ReadDir("/proc/1/" + name)
		if err == nil && len(entries) > 0 {
			// Their names are no secret, what they lead to is.
			_, err = os.Stat("/proc/1/" + name + "/" + entries[0].Name())
		}
		try("list /proc/1/"+name, plain(err))
	}
	for _, name := range []string{"mem", "uid_map", "clear_refs", "attr/current"} {
		f, err := os.OpenFile("/proc/1/"+name, os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteString("0")
			_ = f.Close()
		}
		try("write /proc/1/"+name, plain(err))
	}
	for _, name := range []string{
		"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sysrq-trigger", "/proc/sys/vm/drop_caches",
		"/proc/sys/user/max_user_namespaces", "/proc/sys/net/ipv4/ip_forward", "/proc/self/uid_map", "/proc/self/setgroups", "/proc/irq/default_smp_affinity",
		"/proc/self/attr/exec", "/proc/self/exe", "/.jail/init", "/nix/store/x", "/sys/kernel/x", "/dev/kmsg", "/dev/mem",
	} {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteString("0")
			_ = f.Close()
		}
		try("write "+name, plain(err))
	}
	for _, name := range []string{"kcore", "kmsg", "keys", "timer_list", "sched_debug", "interrupts", "kpagecount", "latency_stats"} {
		text, err := os.ReadFile("/proc/" + name)
		if err == nil && len(text) == 0 {
			err = syscall.ENODATA // masked
		}
		try("read /proc/"+name, plain(err))
	}
	all = append(all, foreign()...)

	if json.NewEncoder(os.Stdout).Encode(all) != nil {
		return 1
	}
	return 0
}

// plain takes the path away: what counts is the errno.
func plain(err error) error {
	if n := syscall.Errno(0); errors.As(err, &n) {
		return n
	}
	return err
}

// foreign tells of every process that is not of this jail, by the parent that
// it has: in a PID namespace of one's own all descend from 1 or from outside.
func foreign() (all []attempt) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == 1 || pid == os.Getpid() {
			continue
		}
		text, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		all = append(all, attempt{"see process " + string(text), "ok"})
	}
	return all
}

// cloneWith makes a child that ends at once.
func cloneWith(flags uintptr) error {
	pid, _, e := syscall.RawSyscall6(unix.SYS_CLONE, flags|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	return afterClone(pid, e)
}

func clone3With(flags uintptr) error {
	args := struct{ flags, pidfd, childTID, parentTID, exitSignal, stack, stackSize, tls uint64 }{flags: uint64(flags), exitSignal: uint64(unix.SIGCHLD)}
	pid, _, e := syscall.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0)
	return afterClone(pid, e)
}

func afterClone(pid uintptr, e syscall.Errno) error {
	if e != 0 {
		return e
	}
	if pid == 0 {
		_, _, _ = syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	_, _ = syscall.Wait4(int(pid), nil, 0, nil)
	return nil
}

// terminalFacts are what a jail has of terminals.
type terminalFacts struct {
	// Fds are the open descriptors, with the device and inode of each.
	Fds map[int]fileID
	// Tty is what /dev/tty opens, if anything.
	Tty *fileID
	// Typed are the descriptors into which TIOCSTI could type.
	Typed []int
}

type fileID struct {
	Dev, Ino, Rdev uint64
	Mode           uint32
}

func idOf(fd int) (fileID, error) {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	return fileID{st.Dev, st.Ino, st.Rdev, st.Mode & unix.S_IFMT}, err
}

// printTerminal is the part "terminal". The facts go into the file "facts" of
// the working directory, for the standard descriptors are what is examined.
func printTerminal(args []string) int {
	signal.Ignore(unix.SIGTTOU, unix.SIGTTIN)
	f := terminalFacts{Fds: map[int]fileID{}}
	if fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0); err == nil {
		id, _ := idOf(fd)
		f.Tty = &id
		typeInto(fd, &f)
		_ = unix.Close(fd)
	}
	for fd := range 1024 {
		id, err := idOf(fd)
		// The Go runtime has an epoll and an eventfd of its own.
		if link, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err != nil || link == "anon_inode:[eventpoll]" || link == "anon_inode:[eventfd]" {
			continue
		}
		f.Fds[fd] = id
		typeInto(fd, &f)
	}
	text, err := json.Marshal(f)
	if err == nil {
		err = os.WriteFile("facts", text, 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// typeInto tries TIOCSTI, plainly and with bits set that only a careless
// filter looks at.
func typeInto(fd int, f *terminalFacts) {
	for _, request := range []uintptr{unix.TIOCSTI, unix.TIOCSTI | 1<<32} {
		for _, c := range []byte("echo typed\n") {
			if _, _, e := syscall.RawSyscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(&c))); e == 0 && c == '\n' {
				f.Typed = append(f.Typed, fd)
			}
		}
	}
	time.Sleep(time.Millisecond)
}
