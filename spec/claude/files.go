package claude

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Bounds of what is read. A configuration is far below them; what the agent
// left in its folder need not be.
const (
	maxFile   = 1 << 20
	maxAll    = 8 << 20
	maxGlobal = 16 << 20 // .claude.json holds the history of every project
	maxFiles  = 2000     // in one folder of a configuration
	maxDepth  = 12
)

var (
	errSymlink = errors.New("a symlink")
	errSpecial = errors.New("not a regular file")
	errLarge   = errors.New("too large")
)

// file is what was read, once.
type file struct {
	data []byte
	exec bool
	// problem says why there is no data.
	problem string
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// openDir opens a folder whose path is the user's own: symlinks count.
func openDir(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// openRoot opens a folder, and waits for nobody where that is a FIFO: the slash
// says that it has to be a folder, as os.OpenRoot does not.
func openRoot(dir string) (*os.Root, error) { return os.OpenRoot(dir + "/") }

// openBelow opens a path below a folder and nowhere else, through no symlink.
func openBelow(d *os.File, name string, flags int, mode uint32) (*os.File, error) {
	how := unix.OpenHow{
		Flags: uint64(flags | unix.O_CLOEXEC), Mode: uint64(mode),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	for range 100 {
		fd, err := unix.Openat2(int(d.Fd()), name, &how)
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), path.Join(d.Name(), name)), nil
		case errors.Is(err, unix.ELOOP):
			return nil, errSymlink
		case errors.Is(err, unix.ENXIO): // a socket
			return nil, errSpecial
		case !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR):
			return nil, err
		}
	}
	return nil, unix.EAGAIN
}

// readBelow reads a regular file below a folder.
func readBelow(d *os.File, name string, limit int64) (file, error) {
	f, err := openBelow(d, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return file{}, err
	}
	defer f.Close()
	return readFile(f, limit)
}

func readFile(f *os.File, limit int64) (file, error) {
	fi, err := f.Stat()
	if err != nil {
		return file{}, err
	}
	if !fi.Mode().IsRegular() {
		return file{}, errSpecial
	}
	if fi.Size() > limit {
		return file{}, errLarge
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return file{}, err
	}
	if int64(len(data)) > limit {
		return file{}, errLarge
	}
	return file{data: data, exec: fi.Mode()&0o100 != 0}, nil
}

// parent opens the folder of a path below d, which it makes if it has to, and
// returns the last element beside it.
func parent(d *os.File, name string, mode uint32) (*os.File, string, error) {
	at, err := openBelow(d, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, "", err
	}
	dir, base := path.Split(name)
	for _, part := range strings.Split(strings.TrimSuffix(dir, "/"), "/") {
		if part == "" {
			continue
		}
		next, err := openBelow(at, part, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if errors.Is(err, fs.ErrNotExist) {
			if err = unix.Mkdirat(int(at.Fd()), part, mode); err == nil || errors.Is(err, fs.ErrExist) {
				next, err = openBelow(at, part, unix.O_RDONLY|unix.O_DIRECTORY, 0)
			}
		}
		_ = at.Close()
		if err != nil {
			return nil, "", err
		}
		at = next
	}
	return at, base, nil
}

// create writes a new file in a folder.
func create(d *os.File, base string, data []byte, mode uint32) (err error) {
	f, err := openBelow(d, base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	// The umask may have taken away from the mode.
	return errors.Join(err, f.Chmod(fs.FileMode(mode)), f.Sync(), f.Close())
}

// replace puts a file in place of another, whole or not at all.
func replace(d *os.File, base string, data []byte, mode uint32) error {
	temporary := ".jailed-claude-" + rand.Text()
	err := create(d, temporary, data, mode)
	if err == nil {
		err = unix.Renameat(int(d.Fd()), temporary, int(d.Fd()), base)
	}
	if err != nil {
		_ = unix.Unlinkat(int(d.Fd()), temporary, 0)
	}
	return err
}

// snapshot reads the pieces of the private folder, each file once.
func snapshot(d *os.File) map[string]file {
	s := map[string]file{}
	add := func(name string, limit int64) {
		f, err := readBelow(d, name, limit)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
			return
		case err != nil:
			f.problem = reason(err)
		}
		s[name] = f
	}
	for _, name := range append(names(false, reviewed), globalJSON) {
		if name == globalJSON {
			add(name, maxGlobal)
		} else {
			add(name, maxFile)
		}
	}
	for _, top := range names(true, reviewed) {
		files, total := 0, int64(0)
		var walk func(name string, depth int)
		walk = func(name string, depth int) {
			dir, err := openBelow(d, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
			if errors.Is(err, fs.ErrNotExist) {
				return
			}
			if err != nil {
				s[name] = file{problem: reason(err)}
				return
			}
			entries, err := dir.ReadDir(maxFiles + 1)
			_ = dir.Close()
			if err != nil && !errors.Is(err, io.EOF) {
				s[name] = file{problem: reason(err)}
				return
			}
			for _, e := range entries {
				sub := name + "/" + e.Name()
				files++
				switch {
				case files > maxFiles || total > maxAll || depth > maxDepth:
					s[top] = file{problem: "there is more in it than can be shown"}
					return
				case e.IsDir():
					walk(sub, depth+1)
				default:
					add(sub, maxFile)
					total += int64(len(s[sub].data))
				}
			}
		}
		walk(top, 0)
	}
	return s
}

// reason is an error in words for the user.
func reason(err error) string {
	switch {
	case errors.Is(err, errLarge):
		return "too large to show"
	case errors.Is(err, errSymlink), errors.Is(err, errSpecial):
		return err.Error()
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Sprintf("cannot be read: %v", err)
}
