package attack

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// The functions of this file are Attack.Lacks: they ask the host, without the
// jail and after it, whether there is anything that could be attacked. None
// opens a device or loads a module.

// NoFile asks whether none of the paths exists on the host.
func NoFile(paths ...string) func() string {
	return func() string {
		if slices.ContainsFunc(paths, Exists) {
			return ""
		}
		return "the host has no " + paths[0]
	}
}

// NoDevice asks whether no file of the host that matches is a device with a
// driver.
func NoDevice(glob string) func() string {
	return func() string {
		names, _ := filepath.Glob(glob)
		for _, name := range names {
			var st unix.Stat_t
			if unix.Stat(name, &st) != nil {
				continue
			}
			kind := map[uint32]string{unix.S_IFCHR: "char", unix.S_IFBLK: "block"}[st.Mode&unix.S_IFMT]
			if kind == "" {
				continue
			}
			rdev := uint64(st.Rdev) //nolint:unconvert // of 32 bits elsewhere
			if !Exists("/sys/dev") || Exists(fmt.Sprintf("/sys/dev/%s/%d:%d", kind, unix.Major(rdev), unix.Minor(rdev))) {
				return ""
			}
		}
		return "the host has no such device"
	}
}

// NoEntries asks whether nothing lies in any of the folders.
func NoEntries(dirs ...string) func() string {
	return func() string {
		for _, dir := range dirs {
			if len(DirNames(dir)) > 0 {
				return ""
			}
		}
		return "the host has nothing in " + dirs[0]
	}
}

// NoCall asks whether the kernel has no such system call. Every argument is -1: whatever
// the kernel knows, it refuses without doing anything.
func NoCall(c Call) func() string {
	return func() string {
		for i := range c.args {
			c.args[i] = Minus(1)
		}
		err := Forked(c)
		var killed *killedError
		switch {
		case errors.Is(err, unix.ENOSYS):
			return "this kernel has no such system call"
		case c.ABI == ABI32 && errors.As(err, &killed) && killed.signal == unix.SIGSEGV:
			return "this kernel has no 32-bit system calls"
		}
		return ""
	}
}

// NoSocket asks whether the kernel knows no such socket, and has no module that
// would. A
// socket that a module may be loaded for is not asked for.
func NoSocket(domain, kind, protocol int) func() string {
	return func() string {
		if hasModule(fmt.Sprintf("net-pf-%d", domain)) && domain != unix.AF_INET || hasModule(fmt.Sprintf("net-pf-%d-proto-%d", domain, protocol)) {
			return ""
		}
		fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC, protocol)
		if err == nil {
			_ = unix.Close(fd)
		}
		for _, e := range []error{unix.EAFNOSUPPORT, unix.EPROTONOSUPPORT, unix.ESOCKTNOSUPPORT} {
			if errors.Is(err, e) {
				return "this kernel has no such sockets"
			}
		}
		return ""
	}
}

// hasModule: a module of the kernel that runs has an alias that begins so.
func hasModule(alias string) bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	f, err := os.Open(filepath.Join("/lib/modules", unix.ByteSliceToString(u.Release[:]), "modules.alias"))
	if err != nil {
		return false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "alias "+alias); ok && strings.IndexAny(rest, " -") == 0 {
			return true
		}
	}
	return false
}
