package projects

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/agent"
)

// Entry is the folder of one project.
type Entry struct {
	// Dir is the folder.
	Dir string `json:"dir"`
	// Project is the path that the project has, or had; empty where the record
	// is missing or damaged.
	Project string `json:"project,omitempty"`
	// Gone: no folder is at that path, or another one.
	Gone bool `json:"gone"`
	// Agents are those that have run there.
	Agents []string `json:"agents"`
	// Bytes is how much the folder holds, as the sizes of its files.
	Bytes int64 `json:"bytes"`
	// Used is when a jail of the project was last started.
	Used time.Time `json:"used"`
}

// Title names the project for people.
func (e Entry) Title() string {
	switch {
	case e.Project == "":
		return "unknown (" + e.Dir + ")"
	case e.Gone:
		return e.Project + " (gone)"
	}
	return e.Project
}

// List says which projects have a folder, the last used first.
func List(stateDir string) ([]Entry, error) {
	all := filepath.Join(stateDir, Folder)
	folders, err := os.ReadDir(all)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the folder of all projects: %w", err)
	}
	var entries []Entry
	for _, f := range folders {
		if !f.IsDir() || strings.HasPrefix(f.Name(), removing) {
			continue
		}
		e := Entry{Dir: filepath.Join(all, f.Name())}
		if r, err := readRecord(e.Dir); err == nil {
			e.Project, e.Gone = r.Path, r.gone()
			if fi, err := os.Lstat(filepath.Join(e.Dir, recordName)); err == nil {
				e.Used = fi.ModTime()
			}
		}
		e.Agents = Agents(e.Dir)
		if e.Bytes, err = size(e.Dir); err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	slices.SortStableFunc(entries, func(a, b Entry) int {
		return cmp.Or(b.Used.Compare(a.Used), cmp.Compare(a.Dir, b.Dir))
	})
	return entries, nil
}

// Agents are the names of agents that have folders in that of a project.
func Agents(dir string) []string {
	found := []string{}
	for _, name := range agent.Names() {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			found = append(found, name)
		}
	}
	own, _ := os.ReadDir(filepath.Join(dir, agent.OwnFolder))
	for _, d := range own {
		found = append(found, d.Name())
	}
	return found
}

// size adds up files. A jail may change the folder meanwhile.
func size(dir string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		if fi, err := d.Info(); err == nil && fi.Mode().IsRegular() {
			sum += fi.Size()
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("measure %q: %w", dir, err)
	}
	return sum, nil
}

// Remove removes the folder of a project that is gone. One whose project is
// there again meanwhile stays, and is an error.
func Remove(stateDir string, e Entry) error {
	all := filepath.Join(stateDir, Folder)
	if filepath.Dir(e.Dir) != all {
		return fmt.Errorf("%q is not the folder of a project", e.Dir)
	}
	unlock, err := lock(all)
	if err != nil {
		return err
	}
	defer unlock()
	if r, err := readRecord(e.Dir); err == nil {
		if !r.gone() {
			return fmt.Errorf("%q is there again", r.Path)
		}
	}
	root, err := os.OpenRoot(all + "/")
	if err != nil {
		return fmt.Errorf("open the folder of all projects: %w", err)
	}
	defer root.Close()
	if err := removeAll(root, filepath.Base(e.Dir)); err != nil {
		return fmt.Errorf("remove %q: %w", e.Dir, err)
	}
	return nil
}

// Print writes a table for people.
func Print(w io.Writer, entries []Entry) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "USED\tSIZE\tAGENTS\tPROJECT")
	for _, e := range entries {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", e.Used.Format(time.DateOnly), show.Size(e.Bytes), show.Line(strings.Join(e.Agents, ",")), show.Visible(e.Title()))
	}
	return t.Flush()
}
