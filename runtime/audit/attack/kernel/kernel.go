package kernel

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// CallAttacks ask for parts of the kernel that an agent never needs and that
// have let others out. Those that would harm the host when they work have one
// argument that cannot be: the kernel looks at it after the permission.
func CallAttacks() []attack.Attack {
	var all []attack.Attack
	add := func(name, source, success string, calls ...attack.Call) {
		all = append(all, attack.Attack{
			Name: name, Class: "kernel", Promise: attack.PromisePrivilege, Source: source, Success: success,
			Run: func(*attack.Env) attack.Result { return attack.Refused(attack.Forked(calls...)) }, Lacks: attack.NoCall(calls[len(calls)-1]),
		})
	}
	none := attack.CString("/jailed-claude-audit")
	bad := uintptr(8) // an address that nobody has
	add("io-uring", "io_uring(7); CVE-2022-29582 and many", "a ring", attack.Sys(unix.SYS_IO_URING_SETUP, 1, attack.Keep(new([120]byte))))
	add("userfaultfd", "userfaultfd(2); it wins races in the kernel", "a descriptor for page faults of the kernel", attack.Sys(unix.SYS_USERFAULTFD, unix.O_CLOEXEC))
	add("userfaultfd-user", "userfaultfd(2)", "a descriptor for page faults", attack.Sys(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|1))
	add("bpf-map", "bpf(2)", "a BPF map", attack.Sys(unix.SYS_BPF, 0, attack.Keep(&[16]uint32{2, 4, 4, 1}), 64))
	add("bpf-program", "bpf(2); CVE-2021-3490", "a BPF program", attack.Sys(unix.SYS_BPF, 5, attack.Keep(&bpfProgram{kind: 1, count: 2, instructions: uint64(attack.Keep(&[2]uint64{0xb7, 0x95})), licence: uint64(attack.CString("GPL"))}), 48))
	add("perf", "perf_event_open(2)", "an event counter", attack.Sys(unix.SYS_PERF_EVENT_OPEN, attack.Keep(&unix.PerfEventAttr{Type: 1, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})), Bits: 1<<5 | 1<<6}), 0, attack.Minus(1), attack.Minus(1), 0))
	add("init-module", "init_module(2)", "code in the kernel", attack.Sys(unix.SYS_INIT_MODULE, bad, 16, none))
	add("finit-module", "finit_module(2)", "code in the kernel", attack.Sys(unix.SYS_FINIT_MODULE, attack.Minus(1), none, 0))
	add("delete-module", "delete_module(2)", "a module is gone", attack.Sys(unix.SYS_DELETE_MODULE, none, unix.O_NONBLOCK))
	add("kexec", "kexec_load(2)", "another kernel", attack.Sys(unix.SYS_KEXEC_LOAD, 0, 17, bad, 0))
	add("reboot", "reboot(2)", "the host stops", attack.Sys(unix.SYS_REBOOT, 0, 0, 0, 0))
	add("syslog", "syslog(2)", "messages of the kernel are read", attack.Sys(unix.SYS_SYSLOG, 3, bufferOf(64), 64))
	add("acct", "acct(2)", "a list of every program of the host", attack.Sys(unix.SYS_ACCT, none))
	add("set-time-zone", "settimeofday(2)", "the time zone of the host's kernel, to what it is", attack.Sys(unix.SYS_SETTIMEOFDAY, 0, attack.Keep(new([2]int32))))
	add("clock-adjtime", "clock_adjtime(2)", "the clock of the host", attack.Sys(unix.SYS_CLOCK_ADJTIME, 0, attack.Keep(&unix.Timex{Modes: 1})))
	add("adjtimex", "adjtimex(2)", "the clock of the host", attack.Sys(unix.SYS_ADJTIMEX, attack.Keep(&unix.Timex{Modes: 1})))
	add("set-hostname", "sethostname(2)", "another host name", attack.Sys(unix.SYS_SETHOSTNAME, bad, 1))
	add("set-domainname", "setdomainname(2)", "another domain name", attack.Sys(unix.SYS_SETDOMAINNAME, bad, 1))
	add("personality", "ADDR_NO_RANDOMIZE in personality(2)", "programs are at fixed addresses", attack.Sys(unix.SYS_PERSONALITY, 0x0040000))
	add("fanotify", "fanotify_init(2)", "every file that the host opens is seen", attack.Sys(unix.SYS_FANOTIFY_INIT, 0, 0))
	add("open-by-handle", "open_by_handle_at(2)", "a file by its number", attack.Sys(unix.SYS_OPEN_BY_HANDLE_AT, attack.AtCwd, attack.Keep(&[4]uint64{8 | 1<<32}), 0))
	add("add-key", "add_key(2)", "a key in the host's session keyring", attack.Sys(unix.SYS_ADD_KEY, attack.CString("user"), none, none, 1, attack.Minus(3)), attack.Sys(unix.SYS_KEYCTL, unix.KEYCTL_UNLINK, attack.ResultOf(0), attack.Minus(3)))
	add("keyctl", "keyctl(2); CVE-2016-0728", "the host's session keyring has a number", attack.Sys(unix.SYS_KEYCTL, 0, attack.Minus(3), 0))
	add("kcmp", "kcmp(2)", "addresses of the kernel are compared", attack.Sys(unix.SYS_KCMP, 1, 1, 0, 0, 0))
	add("process-madvise", "process_madvise(2)", "pages of another process are dropped", attack.Sys(unix.SYS_PIDFD_OPEN, 1, 0), attack.Sys(unix.SYS_PROCESS_MADVISE, attack.ResultOf(0), attack.Keep(&unix.Iovec{}), 1, unix.MADV_COLD, 0))
	add("lookup-cookie", "lookup_dcookie(2)", "paths of the host by number", attack.Sys(nrLookupDcookie, 1, bufferOf(64), 64))
	add("nfsservctl", "nfsservctl(2)", "the kernel's NFS server", attack.Sys(unix.SYS_NFSSERVCTL, 0, 0, 0))
	for _, c := range ofThisMachine {
		add(c.name, c.source, c.success, c.call)
	}
	return all
}

// machineCall is a system call that not every machine has.
type machineCall struct {
	name, source, success string
	call                  attack.Call
}

// bpfProgram is the part of union bpf_attr that BPF_PROG_LOAD needs.
type bpfProgram struct {
	kind, count           uint32
	instructions, licence uint64
	_                     [3]uint64
}

func bufferOf(n int) uintptr { p, _ := attack.Buffer(n); return p }
