package review

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jailed-claude/jailed-claude/bundle/layer"
	"github.com/jailed-claude/jailed-claude/internal/show"
)

// elsewhere names layers over git directories that lie outside of the project, as that
// of a linked worktree's repository.
func (r *Review) elsewhere() {
	for _, g := range r.base.Git {
		upper := r.dir.Git(g).Upper()
		if empty, err := layer.Empty(upper); err == nil && empty {
			continue
		}
		in, bundled := "", "BRANCH"
		if names := branches(upper); len(names) > 0 {
			in, bundled = " (branches: "+strings.Join(names, ", ")+")", names[0]
		}
		r.Notes = append(r.Notes, fmt.Sprintf("the git directory %q lies outside of the project: what was changed in its layer%s is neither shown nor applied; "+
			"take commits out inside, with git push, or git bundle create a.bundle %s and --apply a.bundle; --discard drops it with all else", g, in, bundled))
	}
}

// branches are those that were moved in the layer over a git directory, some of them.
func branches(upper string) (names []string) {
	const most = 8
	heads := filepath.Join(upper, "refs/heads")
	_ = filepath.WalkDir(heads, func(p string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && !strings.HasSuffix(p, ".lock") && len(names) < most {
			names = append(names, show.ShellQuote(strings.TrimPrefix(p, heads+"/")))
		}
		return nil
	})
	return names
}

// discardElsewhere moves them where the rest of the layer is.
func (r *Review) discardElsewhere(to string) error {
	for n, g := range r.base.Git {
		d := r.dir.Git(g)
		if empty, err := layer.Empty(d.Upper()); errors.Is(err, os.ErrNotExist) || err == nil && empty {
			continue
		}
		if err := os.Rename(d.Upper(), filepath.Join(to, "git."+strconv.Itoa(n))); err != nil {
			return err
		}
		if err := d.Make(g); err != nil {
			return err
		}
	}
	return nil
}
