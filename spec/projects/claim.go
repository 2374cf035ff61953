package projects

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/show"
)

// Claimed is the folder of a project, ready for a jail.
type Claimed struct {
	// Dir is the folder, for this user alone.
	Dir string
	// Moved is the path at which the project was before, if it was moved since
	// its last jail; its folder came along.
	Moved string
	// Aside is where the folder of another project is now that had this path
	// before; Removed is how many older ones were removed for it.
	Aside   string
	Removed int
	// Stays is why some of these are not removed.
	Stays error
}

// Notes say what became of the state of a project, a line each.
func (c Claimed) Notes() (notes []string) {
	if c.Aside != "" {
		text := fmt.Sprintf("another folder had this path before: what its jails left is put aside, in %s, and this one starts with nothing of it", show.Visible(c.Aside))
		if c.Removed > 0 {
			text += fmt.Sprintf("; the last %d such folders are kept, and %d older removed", asidesKept, c.Removed)
		}
		notes = append(notes, text)
	}
	if c.Stays != nil {
		notes = append(notes, show.Visible(fmt.Sprintf("what was to be removed of that stays: %v", c.Stays)))
	}
	if c.Moved != "" {
		notes = append(notes, fmt.Sprintf("this project was %s before: what its jails kept came along", show.Visible(c.Moved)))
	}
	return notes
}

// Claim makes the folder of a project where there is none. If the project was
// moved, it takes the folder that the project had at its old path. What another
// project left that had this path is put aside, for that one.
//
// Preconditions: project is resolved and exists.
func Claim(stateDir, project string) (Claimed, error) { return claimFolder(stateDir, project, true) }

// Find is Claim for whoever only looks: it makes no folder where there is none.
func Find(stateDir, project string) (Claimed, error) {
	if _, err := os.Lstat(filepath.Join(stateDir, Folder)); errors.Is(err, fs.ErrNotExist) {
		return Claimed{Dir: Dir(stateDir, project)}, nil
	}
	return claimFolder(stateDir, project, false)
}

func claimFolder(stateDir, project string, make bool) (Claimed, error) {
	c, err := claimLocked(stateDir, project, make)
	if err == nil && c.Aside != "" {
		c.Stays = removeMoved(filepath.Join(stateDir, Folder))
	}
	return c, err
}

func claimLocked(stateDir, project string, make bool) (Claimed, error) {
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
		if c.Aside, err = putAside(c.Dir, project, id); err != nil {
			return c, err
		}
		if c.Aside != "" {
			if c.Removed, err = boundAsides(c.Dir); err != nil {
				return c, err
			}
		}
	case !errors.Is(err, fs.ErrNotExist):
		return c, fmt.Errorf("the folder of the project: %w", err)
	}
	if _, err := os.Lstat(c.Dir); errors.Is(err, fs.ErrNotExist) {
		if c.Moved, err = adopt(all, c.Dir, id); err != nil {
			return c, err
		}
		if c.Moved == "" && !make {
			return c, nil
		}
		if err := os.Mkdir(c.Dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return c, fmt.Errorf("make the folder of the project: %w", err)
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

// adopt gives the project the folder that it had before it was moved, if there is
// one. It returns the old path.
func adopt(all, dir string, id identity) (string, error) {
	entries, err := os.ReadDir(all)
	if err != nil {
		return "", fmt.Errorf("read the folder of all projects: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() || id.Born == 0 || strings.HasPrefix(e.Name(), removing) {
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
