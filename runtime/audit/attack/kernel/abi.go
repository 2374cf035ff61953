package kernel

import (
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// Numbers of 32-bit x86, asm/unistd_32.h.
const (
	nr32Getpid  = 20
	nr32Ioctl   = 54
	nr32Unshare = 310
	nr32Socket  = 359
	nr32Ptrace  = 26
	nr32Keyctl  = 288
	nr32Clone   = 120
)

// map32bit is MAP_32BIT of mmap(2).
const map32bit = 0x40

const x32Bit = 0x40000000 // __X32_SYSCALL_BIT

// ABIAttacks make system calls by the interfaces that a filter for the native
// one does not know.
func ABIAttacks() []attack.Attack {
	var all []attack.Attack
	add := func(name, source, success string, calls ...attack.Call) {
		all = append(all, attack.Attack{Name: name, Class: "system call interfaces", Promise: attack.PromisePrivilege, Source: source, Success: success, Run: func(*attack.Env) attack.Result {
			if !attack.ForeignABI {
				return attack.Inapplicable("this machine has one interface for a program of its own kind")
			}
			return attack.Refused(attack.Forked(calls...))
		}, Lacks: attack.NoCall(calls[len(calls)-1])})
	}
	int80 := func(nr uintptr, args ...uintptr) attack.Call {
		c := attack.Sys(nr, args...)
		c.ABI = attack.ABI32
		return c
	}
	const filters = "filters that know one architecture, seccomp(2)"
	add("int80-getpid", filters, "a 32-bit system call works", int80(nr32Getpid))
	add("int80-unshare", filters, "a user namespace", int80(nr32Unshare, unix.CLONE_NEWUSER))
	add("int80-clone", filters, "a user namespace", int80(nr32Clone, unix.CLONE_NEWUSER|uintptr(unix.SIGCHLD)))
	add("int80-keyctl", filters, "the host's keyring", int80(nr32Keyctl, 0, 0xfffffffd, 0))
	add("int80-ptrace", filters, "a 32-bit ptrace", int80(nr32Ptrace, 0x4206, 1, 0, 0))
	add("int80-socket", filters, "a raw socket", int80(nr32Socket, unix.AF_INET, unix.SOCK_RAW, 1))
	// Where it points to must have an address of 32 bits: a page of zeroes.
	add("int80-tiocsti", "CVE-2019-10063: TIOCSTI by another interface", "what the jail typed is in the caller's terminal",
		attack.Sys(unix.SYS_MMAP, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|map32bit, attack.Minus(1), 0), int80(nr32Ioctl, 0, unix.TIOCSTI, attack.ResultOf(0)))
	all[len(all)-1].Judge = func(s attack.Witness, r attack.Result) attack.Result {
		if r.Verdict == attack.GotThrough && !s.Typed("\x00") {
			return attack.HeldBy("nothing came to the caller's terminal")
		}
		return r
	}
	add("x32-getpid", filters, "an x32 system call works", attack.Sys(unix.SYS_GETPID|x32Bit))
	add("x32-unshare", filters, "a user namespace", attack.Sys(unix.SYS_UNSHARE|x32Bit, unix.CLONE_NEWUSER))
	add("x32-ptrace", filters, "an x32 ptrace", attack.Sys(521|x32Bit, 0x4206, 1))
	return all
}
