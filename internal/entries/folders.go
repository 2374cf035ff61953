package entries

import "golang.org/x/sys/unix"

// Wanted returns the entries of an open folder that are wanted, and which of all are
// folders: no more than most of these, as one with a million is not worth the wait.
func Wanted(fd int, buf []byte, most int, wanted func(name []byte) bool) (names, folders []string) {
	_ = Each(fd, buf, func(name []byte, kind byte) bool {
		if kind == unix.DT_DIR || kind == unix.DT_UNKNOWN && IsFolder(fd, string(name)) {
			folders = append(folders, string(name))
		}
		if wanted(name) {
			names = append(names, string(name))
		}
		return len(folders) <= most
	})
	return names, folders
}

// IsFolder asks for what a file system does not say by itself (DT_UNKNOWN).
func IsFolder(fd int, name string) bool {
	var st unix.Stat_t
	return unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}
