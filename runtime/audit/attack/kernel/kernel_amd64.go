package kernel

import (
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

const nrLookupDcookie = unix.SYS_LOOKUP_DCOOKIE

var ofThisMachine = []machineCall{
	{"iopl", "iopl(2)", "ports of the machine", attack.Sys(unix.SYS_IOPL, 3)},
	{"ioperm", "ioperm(2)", "ports of the machine", attack.Sys(unix.SYS_IOPERM, 0x80, 1, 1)},
	{"kexec-file", "kexec_file_load(2)", "another kernel", attack.Sys(unix.SYS_KEXEC_FILE_LOAD, attack.Minus(1), attack.Minus(1), 0, 0, 0)},
	{"uselib", "uselib(2)", "a library by the oldest loader", attack.Sys(unix.SYS_USELIB, attack.CString("/jailed-claude-audit"))},
	{"create-module", "create_module(2)", "code in the kernel", attack.Sys(unix.SYS_CREATE_MODULE, 0, 0)},
}
