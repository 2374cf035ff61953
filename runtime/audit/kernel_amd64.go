package audit

import "golang.org/x/sys/unix"

const nrLookupDcookie = unix.SYS_LOOKUP_DCOOKIE

var ofThisMachine = []machineCall{
	{"iopl", "iopl(2)", "ports of the machine", sys(unix.SYS_IOPL, 3)},
	{"ioperm", "ioperm(2)", "ports of the machine", sys(unix.SYS_IOPERM, 0x80, 1, 1)},
	{"kexec-file", "kexec_file_load(2)", "another kernel", sys(unix.SYS_KEXEC_FILE_LOAD, minus(1), minus(1), 0, 0, 0)},
	{"uselib", "uselib(2)", "a library by the oldest loader", sys(unix.SYS_USELIB, cstr("/jailed-claude-audit"))},
	{"create-module", "create_module(2)", "code in the kernel", sys(unix.SYS_CREATE_MODULE, 0, 0)},
}
