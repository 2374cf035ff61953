package projects

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Claimed is the folder of a project, ready for a jail.
type Claimed struct {
	// Dir is the folder, for this user alone.
	Dir string
	// Moved is the path at which the project was before, if it was moved since
	// its last jail; its folder came along.
	Moved string
}

// Claim makes the folder of a project where there is none. If the project was
// moved, it takes the folder that the project had at its old path.
//
// Preconditions: project is resolved and exists.
func Claim(stateDir, project string) (Claimed, error) {
	c := Claimed{Dir: Dir(stateDir, project)}
	all := filepath.Join(stateDir, Folder)
	id, err := identify(project)
	if err != nil {
		return c, err
	}
	if err := os.MkdirAll(all, 0o700); err != nil {
		return c, fmt.Errorf("make the folder of all projects: %w", err)
	}
	unlock, err := lock(all)
	if err != nil {
		return c, err
	}
	defer unlock()
	switch fi, err := os.Lstat(c.Dir); {
	case err == nil && !fi.IsDir():
		return c, fmt.Errorf("%q is not a folder", c.Dir)
	case err == nil:
	case !errors.Is(err, fs.ErrNotExist):
		return c, fmt.Errorf("the folder of the project: %w", err)
	default:
		if c.Moved, err = adopt(all, c.Dir, id); err != nil {
			return c, err
		}
	}
	r := record{Path: project, identity: id}
	if have, err := readRecord(c.Dir); err == nil && have.Path == r.Path && have.identity == r.identity {
		now := time.Now()
		if err := os.Chtimes(filepath.Join(c.Dir, recordName), now, now); err != nil {
			return c, fmt.Errorf("the record of the project: %w", err)
		}
		return c, nil
	}
	if err := writeRecord(c.Dir, r); err != nil {
		return c, fmt.Errorf("write the record of the project: %w", err)
	}
	return c, nil
}

// adopt gives the project the folder that it had before it was moved, or a new
// one. It returns the old path.
func adopt(all, dir string, id identity) (string, error) {
	entries, err := os.ReadDir(all)
	if err != nil {
		return "", fmt.Errorf("read the folder of all projects: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() || id.Born == 0 {
			continue
		}
		r, err := readRecord(filepath.Join(all, e.Name()))
		if err != nil || !r.same(id) {
			continue
		}
		if there, err := identify(r.Path); err == nil && there.same(id) {
			// A second way to the same folder, such as a bind mount.
			continue
		}
		if err := os.Rename(filepath.Join(all, e.Name()), dir); err != nil {
			return "", fmt.Errorf("take over the folder of %q: %w", r.Path, err)
		}
		return r.Path, nil
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the folder of the project: %w", err)
	}
	return "", nil
}

// lock waits until nobody else claims or removes a folder.
func lock(all string) (unlock func(), err error) {
	// The slash: a FIFO in the folder's place is refused, not waited for.
	d, err := os.OpenFile(all+"/", os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err == nil {
		if err = unix.Flock(int(d.Fd()), unix.LOCK_EX); err != nil {
			d.Close()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("lock the folder of all projects: %w", err)
	}
	return func() { d.Close() }, nil
}
