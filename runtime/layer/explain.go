package layer

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
)

// since is the first kernel that mounts overlayfs in a user namespace.
const sinceMajor, sinceMinor = 5, 11

// Explain adds to the error of a mount why there is no layer here, as far as that
// can be told: the kernel says it in its log alone.
func (ls *Layers) Explain(err error) error {
	if err == nil || ls == nil || len(ls.all) == 0 {
		return err
	}
	const instead = "to do without a layer: --project-mode rw, or ro"
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		release := unix.ByteSliceToString(u.Release[:])
		if older(release) {
			return hint.Add(fmt.Errorf("a layer needs Linux %d.%d, and this is %s: %w", sinceMajor, sinceMinor, release, err), instead)
		}
	}
	if errors.Is(err, unix.ENODEV) {
		return hint.Add(fmt.Errorf("the kernel has no overlayfs: %w", err), "load it: sudo modprobe overlay", instead)
	}
	for _, l := range ls.all {
		if name := stacked(l.folders.Upper); name != "" {
			return hint.Add(fmt.Errorf("%s lies on %s, which cannot hold what is written in a layer: %w", show.Visible(l.Upper), name, err),
				"to keep it elsewhere, set XDG_STATE_HOME to a folder on ext4, xfs, btrfs or tmpfs", instead)
		}
		if name := stacked(l.folders.Lower); name != "" {
			return hint.Add(fmt.Errorf("%s lies on %s, and the kernel makes no layer over it: %w", show.Visible(l.Lower), name, err), instead)
		}
	}
	return hint.Add(fmt.Errorf("the kernel makes no layer here (its log may say more: dmesg): %w", err), instead)
}

// older: a release, such as "5.10.0-23-amd64", is of before layers.
func older(release string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil {
		return false
	}
	return major < sinceMajor || major == sinceMajor && minor < sinceMinor
}

// stacked names the file system of a folder if it is one that overlayfs has
// trouble with: over others, or over a network.
func stacked(fd int) string {
	var st unix.Statfs_t
	if unix.Fstatfs(fd, &st) != nil {
		return ""
	}
	return map[int64]string{
		unix.OVERLAYFS_SUPER_MAGIC: "another overlayfs", unix.ECRYPTFS_SUPER_MAGIC: "ecryptfs", unix.FUSE_SUPER_MAGIC: "FUSE",
		unix.NFS_SUPER_MAGIC: "NFS", unix.SMB_SUPER_MAGIC: "SMB", unix.SMB2_SUPER_MAGIC: "SMB", unix.CIFS_SUPER_MAGIC: "SMB", unix.V9FS_MAGIC: "9p",
		unix.MSDOS_SUPER_MAGIC: "FAT", unix.EXFAT_SUPER_MAGIC: "exFAT",
	}[st.Type]
}
