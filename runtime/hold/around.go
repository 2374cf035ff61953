package hold

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/paths"
)

// around finds a process of the jail that holds one of the paths, or something
// below one, open on another mount than the one that covers it.
//
// /proc is the jail's own, and shows its processes alone.
func (h *Hold) around(covers []string) (at, who string) {
	if len(covers) == 0 {
		return "", ""
	}
	mounts := h.mountPlaces()
	within := func(p string) string {
		for _, c := range covers {
			if p == c || paths.Below(p, c) {
				return c
			}
		}
		return ""
	}
	for _, pid := range numbers("/proc") {
		name := func() string {
			text, _ := os.ReadFile("/proc/" + pid + "/comm")
			return strconv.Quote(strings.TrimSpace(string(text)))
		}
		for _, link := range []string{"cwd", "root", "exe"} {
			// A folder that is entered has no mount that could be asked for: its
			// path leads through the cover or not, which only the kernel knows.
			p, err := os.Readlink("/proc/" + pid + "/" + link)
			if c := within(p); err == nil && c != "" && bypasses("/proc/"+pid+"/"+link, p) {
				return c, name()
			}
		}
		for _, tid := range numbers("/proc/" + pid + "/task") {
			dir := "/proc/" + pid + "/task/" + tid
			for _, fd := range numbers(dir + "/fd") {
				p, err := os.Readlink(dir + "/fd/" + fd)
				if err != nil {
					continue
				}
				c := within(p)
				if c == "" && !strings.HasPrefix(p, "socket:") {
					continue
				}
				info, err := os.ReadFile(dir + "/fdinfo/" + fd)
				if err != nil {
					continue
				}
				if c == "" {
					// On its way to another process, and nobody knows what it is.
					if n := field(string(info), "scm_fds:"); n != "" && n != "0" {
						return covers[0], name()
					}
					continue
				}
				if on, ok := mounts[field(string(info), "mnt_id:")]; ok && on != c && !paths.Below(on, c) {
					return c, name()
				}
			}
		}
		if c := mapped(pid, within); c != "" {
			return c, name()
		}
	}
	return "", ""
}

// bypasses: a link of /proc leads to another mount than its path does.
func bypasses(magic, p string) bool {
	var a, b unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, magic, unix.AT_STATX_DONT_SYNC, unix.STATX_MNT_ID, &a) != nil ||
		unix.Statx(unix.AT_FDCWD, p, unix.AT_STATX_DONT_SYNC|unix.AT_SYMLINK_NOFOLLOW, unix.STATX_MNT_ID, &b) != nil {
		return false
	}
	return a.Mask&unix.STATX_MNT_ID != 0 && a.Mnt_id != b.Mnt_id
}

// mapped: a process maps a file below a cover so that writing to memory is
// writing to it.
func mapped(pid string, within func(string) string) string {
	text, err := os.ReadFile("/proc/" + pid + "/maps")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		// from-to perms offset device inode path
		f := strings.SplitN(strings.TrimSpace(line), " ", 6)
		if len(f) == 6 && strings.HasSuffix(f[1], "s") {
			if c := within(strings.TrimLeft(f[5], " ")); c != "" {
				return c
			}
		}
	}
	return ""
}

// mountPlaces are the places of the jail's mounts by their IDs.
func (h *Hold) mountPlaces() map[string]string {
	var text strings.Builder
	buf := make([]byte, 64<<10)
	for off := int64(0); ; {
		n, err := unix.Pread(h.mounts, buf, off)
		if n <= 0 || err != nil {
			break
		}
		text.Write(buf[:n])
		off += int64(n)
	}
	all := map[string]string{}
	for line := range strings.Lines(text.String()) {
		if f := strings.SplitN(line, " ", 6); len(f) == 6 {
			all[f[0]] = f[4]
		}
	}
	return all
}

// numbers lists the names in a folder of /proc that are numbers.
func numbers(dir string) (all []string) {
	f, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer f.Close()
	names, _ := f.Readdirnames(-1)
	for _, n := range names {
		if n != "" && n[0] >= '0' && n[0] <= '9' {
			all = append(all, n)
		}
	}
	return all
}

// field is the value of a line of /proc/PID/fdinfo.
func field(text, name string) string {
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
