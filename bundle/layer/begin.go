package layer

import "errors"

// ErrUnfinished is returned by Begin where an apply of the layer was interrupted.
var ErrUnfinished = errors.New("an apply of this layer was interrupted")

// Begin makes a project's layer ready for a jail: its folder, and those over git
// directories that lie elsewhere. While it holds nothing, the fingerprint of what
// lies below is taken anew. Otherwise changed says what git has changed below
// since it was taken: inside, the two are mixed.
func Begin(d Dir, project string, git []string) (before Base, changed []string, err error) {
	if d.Interrupted() {
		return before, nil, ErrUnfinished
	}
	empty := true
	for i, lower := range append([]string{project}, git...) {
		one := d
		if i > 0 {
			one = d.Git(lower)
		}
		if err := one.Make(lower); err != nil {
			return before, nil, err
		}
		lock, err := one.Lock()
		if err != nil {
			return before, nil, err
		}
		defer lock.Close()
		none, err := Empty(one.Upper())
		if err != nil {
			return before, nil, err
		}
		empty = empty && none
	}
	before, err = d.Base()
	none := errors.Is(err, ErrNoBase)
	if err != nil && !none {
		return before, nil, err
	}
	at, err := d.Clock(project)
	if err != nil {
		return before, nil, err
	}
	before.Project = project // it may have been moved
	now := Below(project, before)
	now.Time, now.Git = at, git
	if empty || none {
		return now, nil, d.SetBase(now)
	}
	return before, before.Since(now), nil
}
