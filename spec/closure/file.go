package closure

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/jailed-claude/jailed-claude/spec/closure/inventory"
	"github.com/jailed-claude/jailed-claude/spec/closure/registration"
)

// maxClosureFile is far above any real one: 300 paths are 20 kB.
const maxClosureFile = 64 << 20

func (r *resolver) readClosureFile() (err error) {
	if r.Ahead != nil && r.Ahead.file == r.ClosureFile {
		r.listed, err = r.Ahead.read()
	} else {
		r.listed, err = readClosureFile(r.abs(r.ClosureFile))
	}
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return fmt.Errorf("closure file: %w", err) // which says its name
	}
	if err != nil {
		return fmt.Errorf("closure file %q: %w", r.ClosureFile, err)
	}
	return nil
}

// Ahead is a ClosureFile that is being read.
type Ahead struct {
	file string
	read func() (*inventory.Inventory, error)
}

// ReadAhead begins to read the ClosureFile of o, if there is one, and to look
// into its store paths, for a caller who has something else to do before
// [Resolve]. That takes what was found, or the error.
func ReadAhead(o Options) *Ahead {
	if o.ClosureFile == "" {
		return nil
	}
	file := (&resolver{Options: o}).abs(o.ClosureFile)
	read := sync.OnceValues(func() (*inventory.Inventory, error) { return readClosureFile(file) })
	go func() { _, _ = read() }()
	return &Ahead{o.ClosureFile, read}
}

func readClosureFile(file string) (*inventory.Inventory, error) {
	if fi, err := os.Stat(file); err == nil && fi.IsDir() {
		file = filepath.Join(file, "registration")
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxClosureFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxClosureFile {
		return nil, fmt.Errorf("larger than %d MiB", maxClosureFile>>20)
	}
	paths, err := registration.ParseFile(data)
	if err != nil {
		return nil, badLine(err)
	}
	v, err := inventory.Take(paths, "")
	return v, known(err)
}
