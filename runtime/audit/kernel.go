package audit

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernelAttacks ask for parts of the kernel that an agent never needs and that
// have let others out. Those that would harm the host when they work have one
// argument that cannot be: the kernel looks at it after the permission.
func kernelAttacks() []Attack {
	var all []Attack
	add := func(name, source, success string, calls ...call) {
		all = append(all, Attack{Name: name, Class: "kernel", Promise: promisePrivilege, Source: source, Success: success,
			Run: func(*Env) Result { return refused(forked(calls...)) }, Lacks: noCall(calls[len(calls)-1])})
	}
	none := cstr("/jailed-claude-audit")
	bad := uintptr(8) // an address that nobody has
	add("io-uring", "io_uring(7); CVE-2022-29582 and many", "a ring", sys(unix.SYS_IO_URING_SETUP, 1, keep(new([120]byte))))
	add("userfaultfd", "userfaultfd(2); it wins races in the kernel", "a descriptor for page faults of the kernel", sys(unix.SYS_USERFAULTFD, unix.O_CLOEXEC))
	add("userfaultfd-user", "userfaultfd(2)", "a descriptor for page faults", sys(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|1))
	add("bpf-map", "bpf(2)", "a BPF map", sys(unix.SYS_BPF, 0, keep(&[16]uint32{2, 4, 4, 1}), 64))
	add("bpf-program", "bpf(2); CVE-2021-3490", "a BPF program", sys(unix.SYS_BPF, 5, keep(&bpfProgram{kind: 1, count: 2, instructions: uint64(keep(&[2]uint64{0xb7, 0x95})), licence: uint64(cstr("GPL"))}), 48))
	add("perf", "perf_event_open(2)", "an event counter", sys(unix.SYS_PERF_EVENT_OPEN, keep(&unix.PerfEventAttr{Type: 1, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})), Bits: 1<<5 | 1<<6}), 0, minus(1), minus(1), 0))
	add("init-module", "init_module(2)", "code in the kernel", sys(unix.SYS_INIT_MODULE, bad, 16, none))
	add("finit-module", "finit_module(2)", "code in the kernel", sys(unix.SYS_FINIT_MODULE, minus(1), none, 0))
	add("delete-module", "delete_module(2)", "a module is gone", sys(unix.SYS_DELETE_MODULE, none, unix.O_NONBLOCK))
	add("kexec", "kexec_load(2)", "another kernel", sys(unix.SYS_KEXEC_LOAD, 0, 17, bad, 0))
	add("reboot", "reboot(2)", "the host stops", sys(unix.SYS_REBOOT, 0, 0, 0, 0))
	add("syslog", "syslog(2)", "messages of the kernel are read", sys(unix.SYS_SYSLOG, 3, bufferOf(64), 64))
	add("acct", "acct(2)", "a list of every program of the host", sys(unix.SYS_ACCT, none))
	add("set-time-zone", "settimeofday(2)", "the time zone of the host's kernel, to what it is", sys(unix.SYS_SETTIMEOFDAY, 0, keep(new([2]int32))))
	add("clock-adjtime", "clock_adjtime(2)", "the clock of the host", sys(unix.SYS_CLOCK_ADJTIME, 0, keep(&unix.Timex{Modes: 1})))
	add("adjtimex", "adjtimex(2)", "the clock of the host", sys(unix.SYS_ADJTIMEX, keep(&unix.Timex{Modes: 1})))
	add("set-hostname", "sethostname(2)", "another host name", sys(unix.SYS_SETHOSTNAME, bad, 1))
	add("set-domainname", "setdomainname(2)", "another domain name", sys(unix.SYS_SETDOMAINNAME, bad, 1))
	add("personality", "ADDR_NO_RANDOMIZE in personality(2)", "programs are at fixed addresses", sys(unix.SYS_PERSONALITY, 0x0040000))
	add("fanotify", "fanotify_init(2)", "every file that the host opens is seen", sys(unix.SYS_FANOTIFY_INIT, 0, 0))
	add("open-by-handle", "open_by_handle_at(2)", "a file by its number", sys(unix.SYS_OPEN_BY_HANDLE_AT, atCwd, keep(&[4]uint64{8 | 1<<32}), 0))
	add("add-key", "add_key(2)", "a key in the host's session keyring", sys(unix.SYS_ADD_KEY, cstr("user"), none, none, 1, minus(3)), sys(unix.SYS_KEYCTL, unix.KEYCTL_UNLINK, result(0), minus(3)))
	add("keyctl", "keyctl(2); CVE-2016-0728", "the host's session keyring has a number", sys(unix.SYS_KEYCTL, 0, minus(3), 0))
	add("kcmp", "kcmp(2)", "addresses of the kernel are compared", sys(unix.SYS_KCMP, 1, 1, 0, 0, 0))
	add("process-madvise", "process_madvise(2)", "pages of another process are dropped", sys(unix.SYS_PIDFD_OPEN, 1, 0), sys(unix.SYS_PROCESS_MADVISE, result(0), keep(&unix.Iovec{}), 1, unix.MADV_COLD, 0))
	add("lookup-cookie", "lookup_dcookie(2)", "paths of the host by number", sys(nrLookupDcookie, 1, bufferOf(64), 64))
	add("nfsservctl", "nfsservctl(2)", "the kernel's NFS server", sys(unix.SYS_NFSSERVCTL, 0, 0, 0))
	for _, c := range ofThisMachine {
		add(c.name, c.source, c.success, c.call)
	}
	return all
}

// machineCall is a system call that not every machine has.
type machineCall struct {
	name, source, success string
	call                  call
}

// bpfProgram is the part of union bpf_attr that BPF_PROG_LOAD needs.
type bpfProgram struct {
	kind, count           uint32
	instructions, licence uint64
	_                     [3]uint64
}

func bufferOf(n int) uintptr { p, _ := buffer(n); return p }
