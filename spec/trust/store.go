package trust

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// Store is a folder of approvals, one small file each.
type Store struct {
	// Dir is the folder; it need not exist. Only Approve makes it.
	Dir string
	// Warn is told what was ignored and why. It may be nil.
	Warn func(error)
}

// Entry is one approval.
type Entry struct {
	// Path is the absolute path of the policy file.
	Path string `json:"path"`
	// Digest is the sha256 of its bytes in hexadecimal.
	Digest string `json:"sha256"`
	// Approved is when.
	Approved time.Time `json:"approved"`
}

// The modes of the folder and of each entry.
const (
	dirMode  = 0o700
	fileMode = 0o600
)

// maxEntry is far more than the longest path needs.
const maxEntry = 64 << 10

// suffix of entries. What else lies in the folder is not looked at.
const suffix = ".json"

// name of the entry for that path and digest: no list has to be read to find
// it, and no path has to be written as the name of a file.
func name(path, digest string) string { return Digest([]byte(path+"\x00"+digest)) + suffix }

// Approve records that the user wants f to apply.
func (s Store) Approve(f *File, now time.Time) error {
	if !filepath.IsAbs(f.Path) || !utf8.ValidString(f.Path) {
		return fmt.Errorf("approve %q: not an absolute path in UTF-8", f.Path)
	}
	if f.Digest != Digest(f.Text) {
		return fmt.Errorf("approve %q: the digest is not that of the text", f.Path)
	}
	if err := os.MkdirAll(s.Dir, dirMode); err != nil {
		return fmt.Errorf("make the trust store: %w", err)
	}
	root, err := s.open()
	if err != nil {
		return fmt.Errorf("trust store: %w", err)
	}
	defer root.Close()
	text, err := json.Marshal(Entry{Path: f.Path, Digest: f.Digest, Approved: now.UTC().Truncate(time.Second)})
	if err != nil {
		return fmt.Errorf("approve %q: %w", f.Path, err)
	}
	if err := replace(root, name(f.Path, f.Digest), append(text, '\n')); err != nil {
		return fmt.Errorf("approve %q: %w", f.Path, err)
	}
	return nil
}

// replace writes a file so that it is there whole or not at all.
func replace(root *os.Root, name string, text []byte) (err error) {
	temporary := "." + rand.Text()
	f, err := root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = root.Remove(temporary)
		}
	}()
	_, err = f.Write(text)
	// The umask may take away from the mode, or a default ACL add to it.
	if err = errors.Join(err, f.Chmod(fileMode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return root.Rename(temporary, name)
}

// Lookup reports whether exactly these bytes at exactly that path were
// approved. What is unsafe or cannot be read counts as no approval.
func (s Store) Lookup(f *File) bool {
	root, err := s.open()
	if err != nil {
		s.ignore(err)
		return false
	}
	defer root.Close()
	// An entry is what its name says, or read refuses it.
	if _, err := read(root, name(f.Path, f.Digest)); err != nil {
		s.ignore(err)
		return false
	}
	return true
}

// List returns all approvals, by path and then by time.
func (s Store) List() ([]Entry, error) {
	var list []Entry
	err := s.each(func(_ *os.Root, _ string, e Entry) error {
		list = append(list, e)
		return nil
	})
	slices.SortFunc(list, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), a.Approved.Compare(b.Approved), cmp.Compare(a.Digest, b.Digest))
	})
	return list, err
}

// Revoke takes back every approval for that path, of whatever bytes, and
// returns how many there were.
func (s Store) Revoke(path string) (n int, err error) {
	err = s.each(func(root *os.Root, file string, e Entry) error {
		if e.Path != path {
			return nil
		}
		if err := root.Remove(file); err != nil {
			return fmt.Errorf("revoke %q: %w", path, err)
		}
		n++
		return nil
	})
	return n, err
}

// each visits all entries that can be relied on.
func (s Store) each(visit func(root *os.Root, file string, e Entry) error) error {
	root, err := s.open()
	if err != nil {
		s.ignore(err)
		return nil
	}
	defer root.Close()
	dir, err := root.Open(".")
	if err != nil {
		return fmt.Errorf("trust store: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("trust store: %w", err)
	}
	slices.Sort(names)
	for _, file := range names {
		if !strings.HasSuffix(file, suffix) {
			continue
		}
		e, err := read(root, file)
		if err != nil {
			s.ignore(err)
			continue
		}
		if err := visit(root, file, e); err != nil {
			return err
		}
	}
	return nil
}

// ignore tells of what was ignored. That something is not there is no news.
func (s Store) ignore(err error) {
	if s.Warn != nil && !errors.Is(err, fs.ErrNotExist) {
		s.Warn(fmt.Errorf("an approval is ignored: %w", err))
	}
}

// open opens the folder if nobody else could have written in it.
func (s Store) open() (*os.Root, error) {
	if s.Dir == "" {
		return nil, fs.ErrNotExist
	}
	before, err := os.Lstat(s.Dir)
	if err != nil {
		return nil, err
	}
	if !before.IsDir() {
		return nil, fmt.Errorf("%w: %q is no folder", errUnsafe, s.Dir)
	}
	// The slash: without it a FIFO that is there by now would be waited for.
	root, err := os.OpenRoot(s.Dir + "/")
	if err != nil {
		return nil, err
	}
	// What was opened is what was looked at, not what a symlink names since.
	fi, err := root.Stat(".")
	if err == nil && !os.SameFile(before, fi) {
		err = fmt.Errorf("%w: %q was replaced", errUnsafe, s.Dir)
	}
	if err == nil {
		err = safe(fi, s.Dir)
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	return root, nil
}

// safe says why somebody else could have written a file or folder, or nil.
func safe(fi fs.FileInfo, path string) error {
	st, ok := fi.Sys().(*syscall.Stat_t)
	switch {
	case !ok || int(st.Uid) != os.Geteuid():
		return fmt.Errorf("%w: %q belongs to somebody else", errUnsafe, path)
	case fi.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%w: others can use %q: chmod go= it if it is yours", errUnsafe, path)
	}
	return nil
}

// read reads one entry, and refuses one that somebody else could have made.
func read(root *os.Root, file string) (Entry, error) {
	path := filepath.Join(root.Name(), file)
	unsafe := func(what string) (Entry, error) { return Entry{}, fmt.Errorf("%w: %q %s", errUnsafe, path, what) }
	// os.Root follows symlinks, whatever the flags say.
	before, err := root.Lstat(file)
	if err != nil {
		return Entry{}, err
	}
	if !before.Mode().IsRegular() {
		return unsafe("is no regular file")
	}
	f, err := root.OpenFile(file, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return Entry{}, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return Entry{}, err
	}
	if !os.SameFile(before, fi) {
		return unsafe("was replaced")
	}
	if err := safe(fi, path); err != nil {
		return Entry{}, err
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); !ok || st.Nlink != 1 {
		return unsafe("has another name (a hard link)")
	}
	text, err := io.ReadAll(io.LimitReader(f, maxEntry))
	if err != nil {
		return Entry{}, err
	}
	var e Entry
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return unsafe("is no approval of this version")
	}
	if file != name(e.Path, e.Digest) {
		return unsafe("is an approval of something else than its name says")
	}
	return e, nil
}
