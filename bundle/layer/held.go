package layer

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// Held is what a layer holds, without a look at what lies below it: what was
// only touched counts too.
type Held struct {
	// Files is how many files were written or deleted, those of git excepted.
	Files int
	// Git: something of the project's .git was.
	Git bool
}

// Empty tells whether nothing was changed.
func (h Held) Empty() bool { return h.Files == 0 && !h.Git }

func (h Held) String() string {
	var parts []string
	switch {
	case h.Files == 1:
		parts = append(parts, "1 changed file")
	case h.Files > 1:
		parts = append(parts, fmt.Sprintf("%d changed files", h.Files))
	}
	if h.Git {
		parts = append(parts, "changes of .git")
	}
	return strings.Join(parts, " and ")
}

// errFound ends a walk.
var errFound = errors.New("found")

// Look counts what lies in an upper folder. Folders do not count: one that is in
// the layer for what it holds is no change.
func Look(upper string) (Held, error) {
	var h Held
	err := look(upper, func(git bool) error {
		if git {
			h.Git = true
		} else {
			h.Files++
		}
		return nil
	})
	return h, err
}

// Empty tells whether the upper folder holds no change.
func Empty(upper string) (bool, error) {
	err := look(upper, func(bool) error { return errFound })
	if errors.Is(err, errFound) {
		return false, nil
	}
	return err == nil, err
}

func look(upper string, found func(git bool) error) error {
	root := strings.TrimSuffix(upper, "/") + "/"
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		switch {
		case err != nil && p != root && errors.Is(err, fs.ErrPermission):
			// A folder that the agent closed counts as one file: it may hold some.
		case err != nil:
			return err
		case e.IsDir():
			return nil
		}
		rel := strings.TrimPrefix(p, root)
		first, _, below := strings.Cut(rel, "/")
		return found(first == ".git" && below)
	})
	if err != nil && !errors.Is(err, errFound) {
		return fmt.Errorf("look into the layer: %w", err)
	}
	return err
}
