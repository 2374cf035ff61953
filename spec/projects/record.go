package projects

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// recordName is the record of a project, beside what its jails get.
const recordName = "project.json"

// maxRecord is far above what any record needs, in bytes.
const maxRecord = 64 << 10

// record says which project a folder is of.
type record struct {
	Version int    `json:"version"`
	Path    string `json:"path"`
	identity
}

const recordVersion = 1

// identity of a folder on this host. Inodes are reused; together with the time
// at which the inode was made they are not.
type identity struct {
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
	// Born is in nanoseconds since 1970; 0 where the file system does not say.
	Born int64 `json:"born"`
}

// identify asks the kernel (statx(2), since Linux 4.11).
func identify(dir string) (identity, error) {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, dir, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_INO|unix.STATX_BTIME, &st); err != nil {
		return identity{}, fmt.Errorf("look at %q: %w", dir, err)
	}
	id := identity{Device: unix.Mkdev(st.Dev_major, st.Dev_minor), Inode: st.Ino}
	if st.Mask&unix.STATX_BTIME != 0 {
		id.Born = st.Btime.Sec*int64(time.Second) + int64(st.Btime.Nsec)
	}
	return id, nil
}

// same: surely the same folder.
func (i identity) same(other identity) bool { return i.Born != 0 && i == other }

// differs: surely another folder. Numbers of devices are not asked: some change when
// the host starts anew.
func (i identity) differs(other identity) bool {
	return i.Born != 0 && other.Born != 0 && (i.Inode != other.Inode || i.Born != other.Born)
}

// readRecord of the folder of a project.
func readRecord(dir string) (record, error) {
	var r record
	f, err := os.OpenFile(filepath.Join(dir, recordName), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return r, err
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		return r, fmt.Errorf("%s is not a regular file", recordName)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxRecord))
	if err != nil {
		return r, err
	}
	// Neither the text nor what json says of it is for a message.
	if json.Unmarshal(text, &r) != nil || r.Version != recordVersion || !filepath.IsAbs(r.Path) {
		return record{}, fmt.Errorf("%s is damaged, or of another version of jailed-claude", recordName)
	}
	return r, nil
}

// gone: the project is not at its path any more.
func (r record) gone() bool {
	fi, err := os.Stat(r.Path)
	if err != nil || !fi.IsDir() {
		return err == nil || errors.Is(err, fs.ErrNotExist)
	}
	there, err := identify(r.Path)
	return err == nil && r.differs(there)
}

// writeRecord replaces the record as a whole.
func writeRecord(dir string, r record) error {
	r.Version = recordVersion
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return writeFile(dir, recordName, append(text, '\n'))
}

// writeFile replaces a file of a folder whole.
func writeFile(dir, name string, text []byte) error {
	f, err := os.CreateTemp(dir, "."+name+".*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
