package projects

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// asidesKept is how many folders are kept that were put aside for one path: whoever
// clones again for each build would have one for each.
const asidesKept = 4

// removing begins the name of a folder that is being removed. No project's does.
const removing = ".removing-"

// putAside renames the folder of a path if it is surely that of another project,
// and returns where it is then. One that was copied here, as with a whole home from
// another disk, is younger than its record: that says nothing of what is at the path
// now.
func putAside(dir, project string, id identity) (string, error) {
	// Of a record that is missing or damaged, the path counts.
	r, err := readRecord(dir)
	if surely := err == nil && r.Path == project && r.differs(id); !surely {
		return "", nil
	}
	record, err := os.Lstat(filepath.Join(dir, recordName))
	if err != nil {
		return "", fmt.Errorf("the record of the project: %w", err)
	}
	own, err := identify(dir)
	if err != nil {
		return "", err
	}
	if own.Born > record.ModTime().UnixNano() {
		return "", nil
	}
	for n := 1; ; n++ {
		aside := fmt.Sprintf("%s.%d", dir, n) // no name has a dot
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			if err := os.Rename(dir, aside); err != nil {
				return "", fmt.Errorf("put aside what another project left: %w", err)
			}
			return aside, nil
		}
	}
}

// boundAsides takes away what was put aside for the path of a folder and nobody is
// likely to come back for: the caches of all but the newest, and of more than
// asidesKept whole folders, those used longest ago, unless a layer in one holds
// what was not applied. It renames them, so that the caller can remove them without
// the lock, and returns how many folders go whole.
//
// Preconditions: the folder of all projects is locked.
func boundAsides(dir string) (whole int, err error) {
	type aside struct {
		dir  string
		used time.Time
	}
	all := filepath.Dir(dir)
	entries, err := os.ReadDir(all)
	if err != nil {
		return 0, fmt.Errorf("read the folder of all projects: %w", err)
	}
	var asides []aside
	for _, e := range entries {
		p := filepath.Join(all, e.Name())
		if !e.IsDir() || !strings.HasPrefix(p, dir+".") {
			continue
		}
		a := aside{dir: p}
		if fi, err := os.Lstat(filepath.Join(p, recordName)); err == nil {
			a.used = fi.ModTime()
		}
		asides = append(asides, a)
	}
	slices.SortStableFunc(asides, func(a, b aside) int { return b.used.Compare(a.used) })
	for i, a := range asides {
		goes := a.dir
		switch {
		case i == 0:
			continue
		case i < asidesKept || holdsWork(a.dir):
			goes = filepath.Join(a.dir, cacheFolder)
			if _, err := os.Lstat(goes); errors.Is(err, fs.ErrNotExist) {
				continue
			}
		default:
			whole++
		}
		if err := os.Rename(goes, unusedName(all)); err != nil {
			return whole, fmt.Errorf("bound what is put aside: %w", err)
		}
	}
	return whole, nil
}

// unusedName is a name for what is to be removed.
func unusedName(all string) string {
	for n := 0; ; n++ {
		name := filepath.Join(all, fmt.Sprintf("%s%d", removing, n))
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			return name
		}
	}
}

// holdsWork: a layer has something that is not applied, or nobody can tell.
func holdsWork(dir string) bool {
	layers := []string{contract.LayerDir(dir, "")}
	named, err := os.ReadDir(filepath.Join(dir, contract.LayersFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return true
	}
	for _, e := range named {
		layers = append(layers, contract.LayerDir(dir, e.Name()))
	}
	for _, layer := range layers {
		// A worktree has layers over git directories in it, which hold its commits.
		git, _ := filepath.Glob(filepath.Join(layer, "git", "*"))
		for _, over := range append(git, layer) {
			in, err := os.ReadDir(contract.LayerIn(over, "").Upper)
			if len(in) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
				return true
			}
		}
	}
	return false
}

// removeMoved removes what boundAsides took away, also for one that was killed
// before it could.
func removeMoved(all string) error {
	root, err := os.OpenRoot(all + "/")
	if err != nil {
		return fmt.Errorf("open the folder of all projects: %w", err)
	}
	defer root.Close()
	entries, err := os.ReadDir(all)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), removing) {
			err = errors.Join(err, removeAll(root, e.Name()))
		}
	}
	return err
}
