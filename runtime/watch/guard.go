package watch

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// guard is a protected path in a folder that the agent may write. Its mount
// holds it in the jail's own mount namespace: rename(2) refuses a mount point of
// the caller's namespace alone. An agent that may make namespaces has others.
type guard struct {
	path string
	// root is the outermost folder that the agent may write and that holds the
	// path, rel the way from there. What lies between may have been moved.
	root int
	rel  string
	// before is the fingerprint at the start.
	before [sha256.Size]byte
}

// guardedFiles bounds what is looked at below one protected folder.
const guardedFiles = 4096

// guard looks at what is protected, if mounts alone do not hold it.
func (w *Watch) guard(s *specs.Spec, opened []int) error {
	if !contract.Nesting(s) {
		return nil
	}
	writable := func(m specs.Mount) bool { return m.Type == "bind" && !slices.Contains(m.Options, "ro") }
	for _, m := range s.Mounts {
		if m.Type != "bind" || writable(m) {
			continue
		}
		for i, r := range s.Mounts { // the first one is the outermost
			if !writable(r) || !strings.HasPrefix(m.Source, r.Source+"/") {
				continue
			}
			fd, err := unix.FcntlInt(uintptr(opened[i]), unix.F_DUPFD_CLOEXEC, 0)
			if err != nil {
				return os.NewSyscallError("fcntl(F_DUPFD)", err)
			}
			g := guard{path: m.Source, root: fd, rel: strings.TrimPrefix(m.Source, r.Source+"/")}
			g.before = g.print()
			w.guards = append(w.guards, g)
			break
		}
	}
	return nil
}

// print is a fingerprint of the path and of all below it, without reading: the
// kernel sets the time of the last change (ctime) itself, at every write, and
// of a folder at every file that comes and goes.
func (g guard) print() (sum [sha256.Size]byte) {
	h := sha256.New()
	left := guardedFiles
	var look func(rel string)
	look = func(rel string) {
		if left--; left < 0 {
			return
		}
		how := &unix.OpenHow{Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS}
		fd, err := unix.Openat2(g.root, rel, how)
		if err != nil {
			fmt.Fprintf(h, "%q %v\n", rel, err)
			return
		}
		defer unix.Close(fd)
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			fmt.Fprintf(h, "%q %v\n", rel, err)
			return
		}
		fmt.Fprintf(h, "%q %d %d %o %d %d.%d\n", rel, st.Dev, st.Ino, st.Mode, st.Size, st.Ctim.Sec, st.Ctim.Nsec)
		if st.Mode&unix.S_IFMT != unix.S_IFDIR {
			return
		}
		for _, name := range namesIn(fd) {
			look(path.Join(rel, name))
		}
	}
	look(g.rel)
	h.Sum(sum[:0])
	return sum
}

// namesIn lists a folder; nothing for one that cannot be read.
func namesIn(folder int) []string {
	fd, err := unix.Openat(folder, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	f := os.NewFile(uintptr(fd), "")
	defer f.Close()
	names, _ := f.Readdirnames(guardedFiles)
	slices.Sort(names)
	return names
}
