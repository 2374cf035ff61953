package receipts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// place is where something lies in a file system, whatever mounts lead there.
type place struct {
	// device is that of the file system, as mountinfo(5) has it.
	device, path string
}

func (p place) within(folder place) bool {
	return p.device == folder.device && paths.Below(p.path, folder.path)
}

// mount is a line of mountinfo(5).
type mount struct {
	id string
	// root is what of its file system is mounted, and at where.
	root place
	at   string
}

func mounts() (all []mount, err error) {
	const file = "/proc/self/mountinfo"
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 6 {
			return nil, fmt.Errorf("%s: a line of %d fields", file, len(f))
		}
		all = append(all, mount{id: f[0], root: place{f[2], unescape.Replace(f[3])}, at: unescape.Replace(f[4])})
	}
	return all, nil
}

// unescape undoes what the kernel does to what would end a field.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// placeOf is where an open file or folder lies, and its path.
func placeOf(fd int, all []mount) (p place, name string, err error) {
	own := "/proc/self/fd/" + strconv.Itoa(fd)
	if name, err = os.Readlink(own); err != nil {
		return p, "", err
	}
	info, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(fd))
	if err != nil {
		return p, "", err
	}
	_, id, _ := strings.Cut(string(info), "mnt_id:")
	id, _, _ = strings.Cut(strings.TrimLeft(id, "\t "), "\n")
	for _, m := range all {
		if m.id == id && paths.Below(name, m.at) {
			return place{m.root.device, path.Join(m.root.path, name[len(strings.TrimSuffix(m.at, "/")):])}, name, nil
		}
	}
	return p, "", fmt.Errorf("%q: nobody knows on which mount it is", name)
}

// outside refuses what is, or would be, in something that a jail mounts: what its
// agent could reach, whether it may write there or not. It is asked of what is open,
// and of where that lies in its file system: a path can lead elsewhere a moment
// later, and mounts of the host can lead to one place by several paths. What, said to
// the user, is name in the folder dir, or the file dir where name is empty.
func outside(what string, dir int, name string, jail []specs.Mount) error {
	all, err := mounts()
	if err != nil {
		return err
	}
	at, where, err := placeOf(dir, all)
	if err != nil {
		return err
	}
	at.path = path.Join(at.path, name)
	refuse := func(source string) error {
		return hint.Add(fmt.Errorf("%q is within reach of the jail, which has %q", what, source), "name a file in another folder")
	}
	var own unix.Stat_t
	if err := unix.Fstat(dir, &own); err != nil {
		return &fs.PathError{Op: "stat", Path: where, Err: err}
	}
	for _, m := range jail {
		for _, source := range sources(m) {
			fd, err := unix.Open(source, unix.O_PATH|unix.O_CLOEXEC, 0)
			if errors.Is(err, unix.ENOENT) {
				continue
			}
			if err != nil {
				return &fs.PathError{Op: "open", Path: source, Err: err}
			}
			p, path, err := placeOf(fd, all)
			var st unix.Stat_t
			same := err == nil && unix.Fstat(fd, &st) == nil && st.Dev == own.Dev && st.Ino == own.Ino
			unix.Close(fd)
			if err != nil {
				return err
			}
			if same || at.within(p) {
				return refuse(source)
			}
			for _, m := range all {
				if paths.Below(m.at, path) && at.within(m.root) {
					return refuse(m.at)
				}
			}
		}
	}
	return nil
}

// sources are the folders and files of the host that a mount shows.
func sources(m specs.Mount) []string {
	if l, ok := contract.LayerOf(m); ok {
		return []string{l.Lower, filepath.Dir(l.Upper)}
	}
	if filepath.IsAbs(m.Source) {
		return []string{m.Source}
	}
	return nil
}
