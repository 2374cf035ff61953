package foreign

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// newCgroups shows this mount namespace, on a host that has cgroups of both versions,
// those of version 2 alone. crun refuses both at once, though it is to make none;
// every runtime takes version 2 alone.
func newCgroups() error {
	const root, both = "/sys/fs/cgroup", "/sys/fs/cgroup/unified"
	var st unix.Statfs_t
	if is := unix.Statfs(both, &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC; !is {
		return nil
	}
	if err := unix.Mount(both, root, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("show cgroups of version 2 alone: %w", os.NewSyscallError("mount", err))
	}
	return nil
}
