package hold

import (
	"path"
	"time"

	"golang.org/x/sys/unix"
)

// Between the host's rename and the cover a process of the jail can open what is
// there, and keep it: what it holds open lies on the mount below, so it can be
// opened once more for writing (/proc/PID/fd), or, if it is a folder, leads to
// all that is in it. Programs that read close at once; grace is for them.
const (
	grace      = 50 * time.Millisecond
	graceEvery = 5 * time.Millisecond
	// writing is how long the host may take to write what it made: a file is
	// covered as soon as it is there.
	writing = time.Second
	// quiet is how long nothing has happened to what is complete.
	quiet = 2 * graceEvery
)

// judged is what is not known yet of a place that was covered again. Nothing waits
// for it: what the host replaces meanwhile is covered first.
type judged struct {
	// covers counts those that are not judged yet, the last of them at.
	covers int
	at     time.Time
	// heard is when the last event was read, and read when the place was.
	heard, read time.Time
	// events are what happened to the name since the last judgement, at most
	// maxEvents of them.
	events []uint32
	// doubt: it was written to while it was covered.
	doubt bool
	// away: for a while nothing that was covered was there, so that the jail could
	// have put there what is.
	away bool
}

const maxEvents = 64

// hear notes what has happened to places.
func (h *Hold) hear() {
	h.lost = h.lost || h.writes == nil
	for _, e := range h.writes.read() {
		if e.lost {
			h.lose()
		}
		i, ok := h.byPath[path.Join(e.dir, e.name)]
		if !ok {
			continue
		}
		p := &h.places[i]
		p.heard = time.Now()
		h.judging = p.hear(e.mask) || h.judging
	}
}

// lose: there was more than the kernel keeps, and any of it may have been a write.
func (h *Hold) lose() {
	h.lost = true
	for i := range h.places {
		if p := &h.places[i]; p.renewed > 0 && p.leaf() {
			p.doubt, h.judging = true, true
		}
	}
}

// hear notes an event, and says whether it is one to judge.
func (p *place) hear(mask uint32) bool {
	// Until it was uncovered for the first time only the host could write there.
	if p.renewed == p.covers && len(p.events) == 0 && mask&nameMask == 0 {
		return false
	}
	if len(p.events) < maxEvents {
		p.events = append(p.events, mask)
	}
	// Whoever got it open before a cover, and was not found with it, may have
	// written now.
	if p.covers == 0 && p.renewed > 0 && mask&wrote != 0 {
		p.doubt = true
	}
	return p.doubt
}

// judge looks once at what happened to places before they were covered, and says
// whether it has to look again. last: it cannot.
func (h *Hold) judge(last bool) (again bool) {
	h.hear()
	var shown []string
	for i := range h.places {
		if p := &h.places[i]; p.covers > 0 && p.mount != nil {
			shown = append(shown, p.path)
		}
	}
	at, who := h.around(shown)
	// Of what was written until nobody had it open any more the kernel has told.
	h.hear()
	now := time.Now()
	for i := range h.places {
		p := &h.places[i]
		switch {
		case p.covers == 0 && !p.doubt:
		case p.path == at && who != "":
			if again = true; now.After(p.at.Add(grace)) && !last {
				h.end("a process of the jail (" + who + ") opened it before it was covered, and keeps it open: " + at)
				return false
			}
		case who != "" && !last:
			again = true // around found another one first
		case h.certain(p, now):
			h.settle(p, true)
		case !last && !p.doubt && !h.lost && now.Before(p.at.Add(p.patience())):
			again = true
		default:
			h.settle(p, false)
		}
	}
	h.lost = h.lost && again
	return again
}

// patience is how long a place may take until it is certain whose it is.
func (p *place) patience() time.Duration {
	if p.leaf() && p.contents != unknown {
		return writing
	}
	return graceEvery // the kernel tells of a rename after it has told of the mount
}

// certain: what is there is of the host's making. Either it took the place of what
// was there at once, or it holds the same as before, as when git goes to another
// branch and back: whoever wrote that.
func (h *Hold) certain(p *place, now time.Time) bool {
	switch {
	case p.doubt || h.lost:
		return false
	case !p.away && placed(p.events, p.covers):
		return true
	case p.contents == unknown || incomplete(p.events) || now.Sub(p.heard) < quiet || now.Sub(p.read) < grace:
		return false
	}
	p.read = now
	return h.contents(p.path) == p.contents
}

// links finds protected files to which the host gave another name in the jail, by a
// hard link: they can be written by that. The kernel itself sets the time of the
// last change (ctime), also when the link is made.
func (h *Hold) links() {
	for i := range h.places {
		p := &h.places[i]
		var st unix.Stat_t
		if p.leaf() && !p.foreign && p.state == covered && unix.Lstat(p.path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Nlink > 1 &&
			!time.Unix(st.Ctim.Unix()).Before(h.began) {
			p.linked = p.contents == unknown || h.contents(p.path) != p.contents
		}
	}
}

// incomplete: somebody made it, and has not closed it yet.
func incomplete(events []uint32) (yes bool) {
	for _, e := range events {
		switch {
		case e&unix.IN_CREATE != 0:
			yes = e&unix.IN_ISDIR == 0
		case e&unix.IN_CLOSE_WRITE != 0:
			yes = false
		}
	}
	return yes
}

// settle says what came of a place.
func (h *Hold) settle(p *place, certain bool) {
	p.unsure = p.unsure || !certain && p.leaf()
	if certain && p.contents != unknown {
		p.contents = h.contents(p.path)
	}
	p.judged = judged{}
}

// placed: all that happened to a name is that another file took its place, at
// once, and as often as it was covered. While the path was covered only the host
// could do that.
func placed(events []uint32, covers int) bool {
	for _, e := range events {
		if e&unix.IN_MOVED_TO == 0 || e&unix.IN_ISDIR != 0 {
			return false
		}
	}
	return len(events) == covers
}

// leaf: what is there is not the jail's to change. Other places are folders that
// are mounted on themselves for what they hold.
func (p *place) leaf() bool { return p.mount != nil && readOnly(p.mount) }
