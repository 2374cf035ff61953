package supervisor

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
	"github.com/jailed-claude/jailed-claude/runtime/userns"
)

// coverHost makes this mount namespace nobody else's business, and covers what
// a jail is made on.
func coverHost() (*rootfs.Host, error) {
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		// Ubuntu's AppArmor lets a user namespace be made and takes what it is
		// for; this is the first thing that then fails.
		return nil, &userns.Error{Step: "mount(MS_PRIVATE) in the new user namespace", Err: err}
	}
	if err != nil {
		return nil, os.NewSyscallError("make / private", err)
	}
	h, err := rootfs.Cover()
	if err := fault.After(fault.Tmpfs, err); err != nil {
		return nil, err
	}
	return h, nil
}
