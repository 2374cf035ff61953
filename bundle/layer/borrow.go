package layer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
)

// Borrow is for a jail whose changes nobody wants, such as one that is attacked:
// it refuses a layer that holds something, and drop removes what it holds later.
// review is the command that shows what is in it.
func Borrow(d Dir, review string) (drop func() error, err error) {
	all := append([]Dir{d}, d.gits()...)
	for _, one := range all {
		none, err := Empty(one.Upper())
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err == nil && !none {
			return nil, hint.Add(fmt.Errorf("the layer in %s holds changes of yours, and others would lie among them", show.Visible(string(d))),
				"look at it, and apply or discard it: "+review, "or leave it out: --project-mode rw")
		}
	}
	return func() error {
		lock, err := d.Lock()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		defer lock.Close()
		return d.Remove()
	}, nil
}

// gits are the layers over git directories.
func (d Dir) gits() (all []Dir) {
	more, err := os.ReadDir(path.Join(string(d), "git"))
	if err != nil {
		return nil
	}
	for _, m := range more {
		all = append(all, Dir(path.Join(string(d), "git", m.Name())))
	}
	return all
}
