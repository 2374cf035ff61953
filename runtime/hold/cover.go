package hold

import (
	"errors"
	"path"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
)

// passes bounds how often a check starts again because something changed
// meanwhile. Whoever is faster than this many covers in a row has the jail ended.
const passes = 100

// check looks at all places, and covers what is open. It is repeated until
// nothing changed while it looked.
func (h *Hold) check(since time.Time) {
	defer h.closeLater()
	for pass := 0; ; pass++ {
		changed := h.coverAll(since)
		if h.listenToAll() || changed {
			if pass < passes {
				continue
			}
			h.end("what is protected was replaced faster than it could be covered")
		}
		break
	}
}

// coverAll goes through the places once, and says whether it mounted something.
func (h *Hold) coverAll(since time.Time) (changed bool) {
	for i := range h.places {
		p := &h.places[i]
		if p.above >= 0 && h.places[p.above].state != covered {
			p.state, p.away = lost, true
			continue
		}
		was := p.state
		p.state = look(p.path)
		p.away = p.away || p.state == gone || p.state == link
		switch p.state {
		case covered:
			continue
		case gone:
			p.left = true
			continue
		case link:
			p.left, p.symlink, p.unsure = true, true, p.mount != nil
			if p.mount == nil {
				h.end("it was hidden, and became a symlink: " + p.path)
			}
			continue
		}
		err := h.cover(p)
		switch {
		case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
			changed, p.state = true, was // it is not what it was a moment ago
			continue
		case err != nil:
			h.end("it was replaced on the host, and cannot be covered again: " + p.path + ": " + err.Error())
			continue
		}
		changed, h.judging = true, true
		p.state = covered
		p.renewed++
		p.covers++
		p.at = time.Now()
		p.slowest = max(p.slowest, p.at.Sub(since))
		h.bare(i)
	}
	return changed
}

// bare notes of what lies in a place that was covered again that nothing was mounted
// on it either, and that of what was done to it until now nobody has told: its folder
// may be another one, to which nobody listened.
func (h *Hold) bare(above int) {
	for i := above + 1; i < len(h.places); i++ {
		if p := &h.places[i]; paths.Below(p.path, h.places[above].path) {
			p.away = true
		}
	}
}

// open is no state that lasts: something lies at a place that is not covered.
const open state = -1

// look says what is at a place. A path with symlinks on its way is none of a
// place: all folders above are places themselves, and come first.
func look(p string) state {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, p, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT|unix.AT_STATX_DONT_SYNC, unix.STATX_TYPE, &st)
	switch {
	case err != nil:
		return gone
	case st.Mode&unix.S_IFMT == unix.S_IFLNK:
		return link
	case st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0:
		return covered
	}
	return open
}

// cover mounts on a place what the start mounted there.
func (h *Hold) cover(p *place) error {
	at, err := rootfs.Resolve(p.path)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	mount := -1
	switch {
	case p.mount == nil:
		mount, err = rootfs.Blank(at)
	case p.foreign:
		err = errors.New("what was mounted there came from elsewhere")
	default:
		mount, err = rootfs.Renew(at, *p.mount)
	}
	if mount >= 0 {
		h.later = append(h.later, mount)
	}
	return err
}

// closeLater closes what would have delayed a cover.
func (h *Hold) closeLater() {
	for _, fd := range h.later {
		_ = unix.Close(fd)
	}
	h.later = nil
}

// listenToAll listens to the folders in which the places lie, and says whether
// one is new: then it has to be looked into once more.
func (h *Hold) listenToAll() (added bool) {
	last := ""
	for i := range h.places {
		dir := path.Dir(h.places[i].path)
		if dir == last {
			continue
		}
		last = dir
		for _, l := range []*listener{h.writes, h.wakes} {
			a, err := l.add(dir)
			added = added || a
			if err != nil && h.incomplete == nil {
				h.incomplete = err
			}
		}
	}
	return added
}
