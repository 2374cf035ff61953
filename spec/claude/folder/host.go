package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/beneath"
	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/internal/storepath"
)

// Host says where the host's own Claude configuration is.
type Host struct {
	// Dir is ~/.claude, or what CLAUDE_CONFIG_DIR names.
	Dir string
	// JSON is the .claude.json beside ~/.claude or, with CLAUDE_CONFIG_DIR, in
	// it.
	JSON string
	// Store is the store whose files symlinks may lead to: home-manager's.
	// storepath.Dir if empty.
	Store string
}

// Find is the configuration of a caller with that environment and home.
func Find(env map[string]string, home string) Host {
	c := Row().Config()
	if dir := env[c.Variable]; filepath.IsAbs(dir) {
		return Host{Dir: filepath.Clean(dir), JSON: filepath.Join(dir, GlobalJSON)}
	}
	return Host{Dir: filepath.Join(home, c.Path), JSON: filepath.Join(home, GlobalJSON)}
}

func (h Host) store() string {
	if h.Store != "" {
		return h.Store
	}
	return storepath.Dir
}

// Path on the host of a name in the configuration.
func (h Host) Path(name string) string {
	if name == GlobalJSON {
		return h.JSON
	}
	return filepath.Join(h.Dir, name)
}

// real is a path without symlinks. It refuses symlinks to anywhere but the
// store; the folder of the configuration may be one itself, and whatever
// leads to it.
func (h Host) real(name string) (string, error) {
	at := h.Path(name)
	// Most names are not there, which costs a look at each folder on the way below.
	if _, err := os.Lstat(at); errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	dir := h.Dir
	if name == GlobalJSON {
		dir = filepath.Dir(h.JSON)
	}
	home, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(at)
	if err != nil {
		return "", err
	}
	rel, err := filepath.Rel(dir, at)
	if err != nil {
		return "", err
	}
	if real != filepath.Join(home, rel) && !paths.Below(real, h.store()) {
		return "", fmt.Errorf("%w to %q", beneath.ErrSymlink, real)
	}
	return real, nil
}

// Read reads a file of the host's configuration.
func (h Host) Read(name string, limit int64) (File, error) {
	real, err := h.real(name)
	if err != nil {
		return File{}, err
	}
	root, err := beneath.Dir("/")
	if err != nil {
		return File{}, err
	}
	defer root.Close()
	// A symlink here now was not there a moment ago.
	return Read(root, strings.TrimPrefix(real, "/"), limit)
}

// Global reads .claude.json, or what it was called once.
func (h Host) Global() (File, string, error) {
	f, err := h.Read(GlobalJSON, MaxGlobal)
	if (err == nil && len(f.Data) == 0) || errors.Is(err, fs.ErrNotExist) {
		if old, err := h.Read(legacyJSON, MaxGlobal); err == nil && len(old.Data) > 0 {
			return old, h.Path(legacyJSON), nil
		}
	}
	return f, h.Path(GlobalJSON), err
}

// Names of the files below a folder of the configuration, sorted.
func (h Host) Names(top string) ([]string, error) {
	var names []string
	var walk func(name string, depth int) error
	walk = func(name string, depth int) error {
		real, err := h.real(name)
		if err != nil {
			return err
		}
		entries, err := os.ReadDir(real)
		if err != nil {
			return err
		}
		for _, e := range entries {
			sub := filepath.Join(name, e.Name())
			if len(names) >= MaxFiles || depth > maxDepth {
				return beneath.ErrLarge
			}
			fi, err := os.Stat(filepath.Join(real, e.Name()))
			if err == nil && fi.IsDir() {
				if err := walk(sub, depth+1); err != nil && !errors.Is(err, beneath.ErrSymlink) {
					return err
				}
				continue
			}
			names = append(names, sub)
		}
		return nil
	}
	err := walk(top, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil
	}
	slices.Sort(names)
	return names, err
}
