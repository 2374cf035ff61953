package claude

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/beneath"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/claude/folder"
)

// place makes the files appear in the private folder: all are written
// elsewhere first, and renamed one by one, .claude.json last.
func place(state, private *os.File, files map[string]folder.File) error {
	if err := sweep(state); err != nil {
		return fmt.Errorf("remove what an earlier run left: %w", err)
	}
	if len(files) == 0 {
		return nil
	}
	m := &manifest{Pieces: map[string]string{}}
	for name, p := range piecesOf(files) {
		m.Pieces[name] = p.digest()
	}
	if err := m.save(state); err != nil {
		return err
	}
	stage := stagePrefix + rand.Text()
	if err := unix.Mkdirat(int(state.Fd()), stage, 0o700); err != nil {
		return fmt.Errorf("make %s: %w", stage, err)
	}
	defer func() { _ = sweep(state) }()
	from, err := beneath.Open(state, stage, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", stage, err)
	}
	defer from.Close()
	names := slices.SortedFunc(maps.Keys(files), func(x, y string) int {
		if last := (x == folder.GlobalJSON); last != (y == folder.GlobalJSON) {
			return map[bool]int{true: 1, false: -1}[last]
		}
		return strings.Compare(x, y)
	})
	number := func(i int) string { return fmt.Sprint(i) }
	for i, name := range names {
		if err := beneath.Create(from, number(i), files[name].Data, 0o600); err != nil {
			return fmt.Errorf("seed %s: %w", show.Line(name), err)
		}
	}
	for i, name := range names {
		if err := settle(from, number(i), private, name, files[name].Data); err != nil {
			return fmt.Errorf("seed %s: %w", show.Line(name), err)
		}
	}
	m.Complete = true
	return m.save(state)
}

// settle renames one file to its place. What is there already stays: an
// earlier run did not come to its end, or the user made it in a shell.
func settle(from *os.File, name string, private *os.File, to string, data []byte) error {
	dir, base, err := beneath.Parent(private, to, 0o700)
	if err != nil {
		return err
	}
	defer dir.Close()
	err = unix.Renameat2(int(from.Fd()), name, int(dir.Fd()), base, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EXDEV) {
		// A file system without it, or another one mounted there.
		err = beneath.Create(dir, base, data, 0o600)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

const stagePrefix = "claude-seed.new-"

// sweep removes what seeding left in the state folder.
func sweep(state *os.File) error {
	dir, err := beneath.Open(state, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		if strings.HasPrefix(name, stagePrefix) {
			root, err := beneath.Root(state.Name())
			if err != nil {
				return err
			}
			errs = append(errs, root.RemoveAll(name), root.Close())
		}
	}
	return errors.Join(errs...)
}
