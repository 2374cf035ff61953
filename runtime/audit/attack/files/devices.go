package files

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// DeviceAttacks open devices, and kernel interfaces that are files.
func DeviceAttacks() []attack.Attack {
	var all []attack.Attack
	add := func(name, source, success string, run func(*attack.Env) attack.Result) {
		all = append(all, attack.Attack{Name: name, Class: "devices", Promise: attack.PromisePrivilege, Source: source, Success: success, Run: run})
	}
	for _, d := range []struct{ name, source, glob string }{
		{"kmsg", "kmsg of the kernel", "/dev/kmsg"},
		{"mem", "mem(4)", "/dev/mem"},
		{"port", "mem(4)", "/dev/port"},
		{"disk", "sd(4)", "/dev/[snvx][dvm][a-z]*"},
		{"loop", "loop(4)", "/dev/loop*"},
		{"mapper", "dmsetup(8)", "/dev/mapper/control"},
		{"fuse", "fuse(4)", "/dev/fuse"},
		{"tun", "tun/tap", "/dev/net/tun"},
		{"kvm", "KVM", "/dev/kvm"},
		{"vhost", "vhost", "/dev/vhost-*"},
		{"input", "evdev: keys that are typed", "/dev/input/event*"},
		{"uinput", "uinput: keys that are typed", "/dev/uinput"},
		{"video", "V4L2: camera", "/dev/video*"},
		{"sound", "ALSA: microphone", "/dev/snd/pcm*"},
		{"graphics", "DRM", "/dev/dri/*"},
		{"gpu", "NVIDIA", "/dev/nvidia*"},
		{"console", "vcs(4): what is on the console", "/dev/vcs*"},
		{"tty0", "console_ioctl(2)", "/dev/tty[0-9]*"},
		{"hpet", "HPET", "/dev/hpet"},
		{"rfkill", "rfkill", "/dev/rfkill"},
		{"usb", "usbfs", "/dev/bus/usb/*/*"},
		{"userfaultfd", "userfaultfd(2)", "/dev/userfaultfd"},
		{"vsock", "vsock(7)", "/dev/vsock"},
		{"autofs", "autofs", "/dev/autofs"},
	} {
		add("device-"+d.name, d.source, d.glob+" is open", func(*attack.Env) attack.Result {
			names, _ := filepath.Glob(d.glob)
			for _, name := range names {
				var st unix.Stat_t
				if unix.Stat(name, &st) != nil || st.Mode&(unix.S_IFCHR|unix.S_IFBLK) == 0 {
					continue
				}
				fd, err := unix.Open(name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
				if err == nil {
					_ = unix.Close(fd)
					return attack.Through("%s is open", name)
				}
			}
			return attack.HeldBy("%d such files, none can be opened", len(names))
		})
		all[len(all)-1].Lacks = attack.NoDevice(d.glob)
	}
	for _, d := range []struct {
		name string
		mode uint32
		dev  uint64
	}{{"char", unix.S_IFCHR, unix.Mkdev(1, 1)}, {"block", unix.S_IFBLK, unix.Mkdev(254, 0)}} {
		add("mknod-"+d.name, "mknod(2)", "a device node is made", func(e *attack.Env) attack.Result {
			p := e.Scratch("node")
			defer os.Remove(p)
			return attack.Refused(unix.Mknod(p, d.mode|0o600, int(d.dev)))
		})
	}
	for _, f := range []struct{ name, path, source string }{
		{"core-pattern", "/proc/sys/kernel/core_pattern", "core(5)"},
		{"modprobe", "/proc/sys/kernel/modprobe", "proc_sys_kernel(5)"},
		{"sysrq", "/proc/sysrq-trigger", "sysrq"},
		{"sysrq-mask", "/proc/sys/kernel/sysrq", "sysrq"},
		{"drop-caches", "/proc/sys/vm/drop_caches", "proc_sys_vm(5)"},
		{"max-userns", "/proc/sys/user/max_user_namespaces", "namespaces(7)"},
		{"binfmt", "/proc/sys/fs/binfmt_misc/register", "binfmt_misc"},
		{"uevent-helper", "/sys/kernel/uevent_helper", "CVE-2022-0492 and its like"},
		{"release-agent", "/sys/fs/cgroup/release_agent", "CVE-2022-0492"},
		{"cgroup", "/sys/fs/cgroup/cgroup.procs", "cgroups(7)"},
		{"cgroup-subtree", "/sys/fs/cgroup/cgroup.subtree_control", "cgroups(7)"},
		{"power", "/sys/power/state", "sleep of the host"},
		{"debugfs", "/sys/kernel/debug/tracing/trace_marker", "debugfs"},
		{"efivars", "/sys/firmware/efi/efivars", "efivarfs"},
		{"mtrr", "/proc/mtrr", "MTRR"},
		{"irq", "/proc/irq/default_smp_affinity", "proc(5)"},
		{"scsi", "/proc/scsi/scsi", "proc(5)"},
		{"hostname", "/proc/sys/kernel/hostname", "proc_sys_kernel(5)"},
		{"ptrace-scope", "/proc/sys/kernel/yama/ptrace_scope", "ptrace(2)"},
	} {
		add("kernel-file-"+f.name, f.source, f.path+" can be written", func(*attack.Env) attack.Result {
			fd, err := unix.Open(f.path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
			if err == nil {
				_ = unix.Close(fd)
			}
			return attack.Unless(err, "%s is open for writing", f.path)
		})
		all[len(all)-1].Lacks = attack.NoFile(f.path)
	}
	for _, f := range []struct{ name, path, source string }{
		{"kcore", "/proc/kcore", "CVE-2025-31133: masked paths"},
		{"kmsg", "/proc/kmsg", "CVE-2025-31133: masked paths"},
		{"keys", "/proc/keys", "keyrings(7)"},
		{"timers", "/proc/timer_list", "CVE-2025-31133: masked paths"},
		{"pages", "/proc/kpagecount", "CVE-2025-31133: masked paths"},
		{"interrupts", "/proc/interrupts", "timing of keys that are typed"},
		{"kallsyms", "/proc/kallsyms", "addresses of the kernel"},
		{"slabs", "/proc/slabinfo", "state of the kernel's memory, by which exploits find their way"},
		{"allocations", "/proc/vmallocinfo", "addresses of the kernel"},
		{"page-types", "/proc/pagetypeinfo", "state of the kernel's memory"},
	} {
		add("kernel-secret-"+f.name, f.source, f.path+" has contents that it has for root alone", func(*attack.Env) attack.Result {
			fd, err := os.Open(f.path)
			if err != nil {
				return attack.HeldBy("%s", attack.Plain(err))
			}
			defer fd.Close()
			b := make([]byte, 4096)
			n, err := fd.Read(b)
			switch {
			case err != nil || n == 0:
				return attack.HeldBy("it is empty")
			case f.name == "kallsyms" && string(b[:16]) == "0000000000000000":
				return attack.HeldBy("the addresses are zero")
			}
			return attack.Through("it has contents")
		})
		all[len(all)-1].Lacks = attack.NoFile(f.path)
	}
	return all
}
