package audit

import "golang.org/x/sys/unix"

const nrLookupDcookie = unix.SYS_LOOKUP_DCOOKIE

var ofThisMachine = []machineCall{
	{"kexec-file", "kexec_file_load(2)", "another kernel", sys(unix.SYS_KEXEC_FILE_LOAD, minus(1), minus(1), 0, 0, 0)},
}
