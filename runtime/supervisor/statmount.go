package supervisor

import (
	"encoding/binary"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mountRequest is struct mnt_id_req of linux/mount.h, its second version.
type mountRequest struct {
	size, _              uint32
	id, param, namespace uint64
}

// What listmount(2) and statmount(2) are asked for: every mount, its
// attributes, propagation and place (LSMT_ROOT, STATMOUNT_MNT_BASIC and
// STATMOUNT_MNT_POINT).
const (
	allMounts         = ^uint64(0)
	optionsAndPlace   = 0x2 | 0x10
	mountsAtOnce      = 512
	mountAnswerHeader = 512 // bytes of struct statmount before its strings
)

// askMounts asks the kernel what readMounts would say of a mount namespace,
// named by its file in /proc. Writing mountinfo takes the kernel several times
// as long, which for a store of hundreds of mounts is milliseconds. It is an
// error before kernel 6.11, and where the caller does not administrate the
// namespace.
func askMounts(namespace string, most int) (mountOptions, error) {
	f, err := os.Open(namespace)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all := mountRequest{size: unix.MNT_ID_REQ_SIZE_VER1, id: allMounts}
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.NS_GET_MNTNS_ID, uintptr(unsafe.Pointer(&all.namespace))); e != 0 {
		return nil, os.NewSyscallError("ioctl(NS_GET_MNTNS_ID)", e)
	}
	have := make(mountOptions, 2*most)
	var ids [mountsAtOnce]uint64
	var answer [mountAnswerHeader + unix.PathMax]byte
	for {
		n, _, e := unix.Syscall6(unix.SYS_LISTMOUNT, uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&ids)), mountsAtOnce, 0, 0, 0)
		if e != 0 {
			return nil, os.NewSyscallError("listmount", e)
		}
		for _, id := range ids[:n] {
			one := mountRequest{size: unix.MNT_ID_REQ_SIZE_VER1, id: id, param: optionsAndPlace, namespace: all.namespace}
			_, _, e := unix.Syscall6(unix.SYS_STATMOUNT, uintptr(unsafe.Pointer(&one)), uintptr(unsafe.Pointer(&answer)), unsafe.Sizeof(answer), 0, 0, 0)
			if e != 0 {
				return nil, os.NewSyscallError("statmount", e)
			}
			place, options, ok := mountAnswer(answer[:])
			if !ok {
				return nil, os.NewSyscallError("statmount", unix.ENODATA)
			}
			have[place] = options
		}
		if n < mountsAtOnce {
			return have, nil
		}
		all.param = ids[n-1]
	}
}

// mountAnswer reads struct statmount. The offsets are those of linux/mount.h.
func mountAnswer(a []byte) (place, options string, ok bool) {
	number := binary.NativeEndian.Uint64
	at := mountAnswerHeader + int(binary.NativeEndian.Uint32(a[108:]))
	if number(a[8:])&optionsAndPlace != optionsAndPlace || at >= len(a) {
		return "", "", false
	}
	if number(a[72:]) == unix.MS_PRIVATE {
		options = mountAttributes[number(a[64:])&(unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)]
	}
	return unix.ByteSliceToString(a[at:]), options, true
}

// mountAttributes are the options by which mountinfo(5) knows attributes
// (MOUNT_ATTR_RDONLY is 1, NOSUID 2, NODEV 4, NOEXEC 8).
var mountAttributes = [16]string{
	"rw", "ro", "rw,nosuid", "ro,nosuid", "rw,nodev", "ro,nodev", "rw,nosuid,nodev", "ro,nosuid,nodev",
	"rw,noexec", "ro,noexec", "rw,nosuid,noexec", "ro,nosuid,noexec", "rw,nodev,noexec", "ro,nodev,noexec",
	"rw,nosuid,nodev,noexec", "ro,nosuid,nodev,noexec",
}
