package inventory

import (
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

	"github.com/jailed-claude/jailed-claude/internal/storepath"
)

// Cache keeps the closures of store paths, one file each: DIR/closure/
// HASH-NAME.json. A closure never changes, so an entry needs no date.
//
// An entry decides what a jail sees, so it counts only if no one but this
// user can have written it; any doubt about it is a miss.
type Cache struct {
	// Dir is the caller's cache folder; empty means that nothing is kept.
	Dir string
}

// cacheVersion changes with the format and with the meaning of its fields.
const cacheVersion = 1

const maxCacheFile = 16 << 20

// newPrefix starts the name of a file that is not yet an entry.
const newPrefix = ".new-"

type cacheEntry struct {
	Version int      `json:"version"`
	Root    string   `json:"root"`
	Paths   []string `json:"paths"`
	Bins    []string `json:"bins,omitempty"`
	Sh      []string `json:"sh,omitempty"`
	Bash    []string `json:"bash,omitempty"`
	Env     []string `json:"env,omitempty"`
}

func (c Cache) folder() string { return filepath.Join(c.Dir, "closure") }

func (c Cache) file(root string) string {
	return filepath.Join(c.folder(), filepath.Base(root)+".json")
}

// Load returns nil where there is no entry that can be trusted.
func (c Cache) Load(root string) *Inventory {
	if c.Dir == "" || c.private() != nil {
		return nil
	}
	f, err := os.OpenFile(c.file(root), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil || !fi.Mode().IsRegular() || !ours(fi) || fi.Size() > maxCacheFile {
		return nil
	}
	data := make([]byte, fi.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil
	}
	var e cacheEntry
	if json.Unmarshal(data, &e) != nil || e.check(root) != nil {
		return nil
	}
	return &Inventory{Paths: e.Paths, Bins: e.Bins, Sh: e.Sh, Bash: e.Bash, Env: e.Env}
}

// Store keeps the inventory of the closure of root.
func (c Cache) Store(root string, v *Inventory) (err error) {
	if c.Dir == "" {
		return nil
	}
	data, err := json.Marshal(cacheEntry{
		Version: cacheVersion, Root: root, Paths: v.Paths,
		Bins: v.Bins, Sh: v.Sh, Bash: v.Bash, Env: v.Env,
	})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.folder(), 0o700); err != nil {
		return err
	}
	if err := c.private(); err != nil {
		return err
	}
	// CreateTemp's files are 0600. The name is short: an entry's own may
	// already be as long as a file name can be.
	f, err := os.CreateTemp(c.folder(), newPrefix)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err != nil {
		_ = f.Close()
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), c.file(root))
}

// staleAfter is when a file that store did not finish is taken for left over.
const staleAfter = time.Hour

// Prune removes entries whose store path was collected, so that the cache
// holds no more than the store does. Its errors do not matter.
func (c Cache) Prune() {
	entries, err := os.ReadDir(c.folder())
	if err != nil {
		return
	}
	for _, e := range entries {
		p := filepath.Join(c.folder(), e.Name())
		if strings.HasPrefix(e.Name(), newPrefix) {
			if fi, err := e.Info(); err == nil && time.Since(fi.ModTime()) > staleAfter {
				_ = os.Remove(p)
			}
			continue
		}
		base, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok {
			continue
		}
		root := storepath.Dir + "/" + base
		if _, err := os.Lstat(root); errors.Is(err, fs.ErrNotExist) && storepath.Check(root) == nil {
			_ = os.Remove(p)
		}
	}
}

// private tells whether both folders are this user's alone to write: whoever
// can write a folder can replace what is in it.
func (c Cache) private() error {
	for _, d := range []string{c.Dir, c.folder()} {
		fi, err := os.Lstat(d)
		if err != nil {
			return err
		}
		if !fi.IsDir() || !ours(fi) {
			return fmt.Errorf("cache folder %q: not a folder that only this user can write", d)
		}
	}
	return nil
}

func ours(fi fs.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid() && fi.Mode().Perm()&0o022 == 0
}

// check holds an entry against what store could have written.
func (e *cacheEntry) check(root string) error {
	if e.Version != cacheVersion || e.Root != root {
		return errors.New("another version or root")
	}
	for i, p := range e.Paths {
		if err := storepath.Check(p); err != nil {
			return err
		}
		if i > 0 && p <= e.Paths[i-1] {
			return errors.New("paths are not sorted")
		}
	}
	if !subset([]string{root}, e.Paths) || !subset(e.Bins, e.Paths) ||
		!subset(e.Sh, e.Bins) || !subset(e.Bash, e.Bins) || !subset(e.Env, e.Bins) {
		return errors.New("a path is not part of the closure")
	}
	return nil
}

// subset tells whether every element of sub is in the sorted list all.
func subset(sub, all []string) bool {
	for _, s := range sub {
		if _, ok := slices.BinarySearch(all, s); !ok {
			return false
		}
	}
	return true
}
