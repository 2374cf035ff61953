package kernel

import (
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

const nrLookupDcookie = unix.SYS_LOOKUP_DCOOKIE

var ofThisMachine = []machineCall{
	{"kexec-file", "kexec_file_load(2)", "another kernel", attack.Sys(unix.SYS_KEXEC_FILE_LOAD, attack.Minus(1), attack.Minus(1), 0, 0, 0)},
}
