package seccomp

import (
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// Into adds the compiled profile of a jail to its root file system, for PID 1 to load
// it whatever profile an engine has. The bytes are those of libseccomp in this program.
func Into(j *contract.Jail) error {
	prog, err := compile(j.Spec.Linux.Seccomp)
	if err == nil {
		j.Rootfs = append(j.Rootfs, contract.File{Path: contract.ProfilePath, Mode: 0o444, Content: prog})
	}
	return err
}
