package projects

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// cacheFolder is where, in the folder of a project, its jails keep what they
// fetched.
const cacheFolder = "cache"

// measuredName is a file beside it: when it was last measured.
const measuredName = "cache-measured"

// measureEvery is how often a start measures: it takes a second where there is
// much.
const measureEvery = 24 * time.Hour

// MakeCache makes folders in the cache of a project, and files to mount on. A
// jail may have put a symlink anywhere in it; none is followed out.
//
// Preconditions: dir is the folder of a project, made by Claim.
func MakeCache(dir string, folders, files []string) error {
	base := filepath.Join(dir, cacheFolder)
	if err := os.Mkdir(base, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the cache of the project: %w", err)
	}
	return makePoints(base, folders, files)
}

// CacheDue reports once a day whether the cache of a project should be measured,
// and not on the day it was made.
func CacheDue(dir string) bool {
	name, now := filepath.Join(dir, measuredName), time.Now()
	fi, err := os.Lstat(name)
	if err == nil && now.Sub(fi.ModTime()) < measureEvery && fi.ModTime().Before(now.Add(time.Hour)) {
		return false
	}
	if errors.Is(err, fs.ErrNotExist) {
		return os.WriteFile(name, nil, 0o600) != nil
	}
	return os.Chtimes(name, now, now) == nil
}

// part is one program's cache.
type part struct {
	name  string
	bytes int64
	used  time.Time
}

// TrimCache removes the caches of programs that were not used for longest until
// the rest is at most limit. It returns what it removed and what is left, in
// bytes.
func TrimCache(dir string, limit int64) (removed, left int64, err error) {
	base := filepath.Join(dir, cacheFolder)
	root, err := os.OpenRoot(base + "/")
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("open the cache of the project: %w", err)
	}
	defer root.Close()
	parts, err := partsOf(root)
	if err != nil {
		return 0, 0, fmt.Errorf("measure %q: %w", base, err)
	}
	for _, p := range parts {
		left += p.bytes
	}
	slices.SortFunc(parts, func(a, b part) int { return a.used.Compare(b.used) })
	for _, p := range parts {
		if left <= limit {
			break
		}
		if err := removeAll(root, p.name); err != nil {
			return removed, left, fmt.Errorf("remove %q: %w", filepath.Join(base, p.name), err)
		}
		removed, left = removed+p.bytes, left-p.bytes
	}
	return removed, left, nil
}

// partsOf adds up what is in the folders two levels down: .cache/npm,
// .cargo/registry.
func partsOf(root *os.Root) ([]part, error) {
	sum := map[string]*part{}
	err := fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return nil //nolint:nilerr // gone meanwhile
		}
		top := twoLevels(name)
		p := cmp.Or(sum[top], &part{name: top})
		sum[top] = p
		if !fi.Mode().IsRegular() {
			return nil
		}
		if p.bytes += fi.Size(); fi.ModTime().After(p.used) {
			p.used = fi.ModTime()
		}
		return nil
	})
	var parts []part
	for _, p := range sum {
		parts = append(parts, *p)
	}
	return parts, err
}

func twoLevels(name string) string {
	for i, slashes := 0, 0; i < len(name); i++ {
		if name[i] == '/' {
			if slashes++; slashes == 2 {
				return name[:i]
			}
		}
	}
	return name
}

// removeAll is Root.RemoveAll for folders that cannot be written, as Go makes
// them in its module cache.
func removeAll(root *os.Root, name string) error {
	err := root.RemoveAll(name)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	_ = fs.WalkDir(root.FS(), name, func(p string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			if fi, statErr := d.Info(); statErr == nil && fi.Mode().Perm()&0o700 != 0o700 {
				_ = root.Chmod(p, 0o700)
				if err != nil {
					return removeAll(root, p) // it could not be read before
				}
			}
		}
		return nil
	})
	return root.RemoveAll(name)
}

// PruneCaches removes the caches of all projects, if the user agrees.
func PruneCaches(stateDir string, agree func(question string) error) error {
	all, err := List(stateDir)
	if err == nil {
		err = agree(fmt.Sprintf("remove what package managers fetched in the jails of %d projects?", len(all)))
	}
	if err != nil {
		return err
	}
	for _, e := range all {
		_, _, trimErr := TrimCache(e.Dir, -1)
		err = errors.Join(err, trimErr)
	}
	return err
}
