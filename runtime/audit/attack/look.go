package attack

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Exists says whether there is something by this name.
func Exists(p string) bool { _, err := os.Lstat(p); return err == nil }

// Opens opens a path and writes nothing. For a folder it asks whether it takes
// new files.
func Opens(p string, flags int) Result {
	if fi, err := os.Stat(p); err == nil && fi.IsDir() {
		return Unless(unix.Faccessat(unix.AT_FDCWD, p, unix.W_OK, unix.AT_EACCESS), "%s can be changed", p)
	}
	f, err := os.OpenFile(p, flags, 0o600)
	if err == nil {
		_ = f.Close()
	}
	return Unless(err, "%s is open for writing", p)
}

// Enters another namespace than its own.
func Enters(p string, flag uintptr) Result {
	fd, err := unix.Open(p, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return HeldBy("%s", Plain(err))
	}
	defer unix.Close(fd)
	err = Forked(Sys(unix.SYS_SETNS, uintptr(fd), flag))
	if flag == unix.CLONE_NEWUSER {
		// Nobody enters the namespace that he is in; EINVAL says that the call
		// and the namespace could be had.
		return Refused(err)
	}
	return Unless(err, "the kernel did it")
}

// MarkerText is what is in every marker: nothing, for whatever reads it.
const MarkerText = "# made by jailed-claude audit; remove it\n"

// Command is a program with nothing to read and nothing inherited.
func Command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Stdin, c.Stdout, c.Stderr = nil, nil, nil
	return c
}

// There says whether one of these is the host's own, by device and inode where they are
// known, and shows something.
func (e *Env) There(paths []string) Result {
	for _, p := range paths {
		var st unix.Stat_t
		if unix.Stat(p, &st) != nil {
			continue
		}
		if want, ok := e.Inodes[p]; ok && want != Inode(&st) {
			continue // the jail's own
		}
		if st.Mode&unix.S_IFMT == unix.S_IFDIR {
			entries, err := os.ReadDir(p)
			if err != nil || len(entries) == 0 {
				continue
			}
			return Through("%s is there, with %d entries", p, len(entries))
		}
		return Through("%s is there", p)
	}
	return HeldBy("not there")
}

// Inode is a file as Bait.Inodes has it.
func Inode(st *unix.Stat_t) string { return fmt.Sprintf("%d:%d", st.Dev, st.Ino) }

// Processes are the numbers in /proc.
func Processes() []int {
	entries, _ := os.ReadDir("/proc")
	var pids []int
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// DirNames are the names in a folder, nil if there is none.
func DirNames(dir string) map[string]bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	names := map[string]bool{}
	for _, e := range entries {
		names[e.Name()] = true
	}
	return names
}

// PathName makes of a path what the name of an attack may have.
var PathName = strings.NewReplacer("/", "-", "_", "-")

// GotSecret is the result of reading from what may be a process of the caller.
func (e *Env) GotSecret(b []byte, err error) Result {
	if err != nil {
		return HeldBy("%s", Plain(err))
	}
	if !e.IsSecret(b) {
		return HeldBy("it is another process")
	}
	return Through("the secret was read")
}

// TargetArg begins the argument by which the bait process is known.
const TargetArg = "--target="

// Typed is what terminal attacks type. Nothing runs it, there is no newline.
const Typed = "jailed-claude-audit"
