package layer

import (
	"errors"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/later"
)

// Overlayfs keeps what it looked up: a file that the host replaces by rename(2)
// stays what it was inside, and what the host makes anew stays missing. When a file
// system is reconfigured, the kernel forgets all of it (shrink_dcache_sb) but what
// somebody uses in that moment, or has open, which it keeps, and does not forget
// when it is no longer used. So what has changed is compared with what is seen,
// several times, and where that differs the kernel is asked again.

// looks are when that is done, after the host changed something. The first time
// nothing is compared. Between two series of questions pass at least 200 ms: what
// the kernel forgot it looks up anew.
var looks = []time.Duration{50 * time.Millisecond, 150 * time.Millisecond, time.Second, 4 * time.Second, 25 * time.Second}

const (
	apart = 200 * time.Millisecond
	// tries are how often the kernel is asked in a row, each time a little later:
	// what a program uses all the time it uses in some moments alone.
	tries = 8
	// most names are compared; where more changed, the kernel is asked each time.
	most = 1024
	// blind is how many looks ask the kernel again where nothing can be compared.
	blind = 3
)

// changes are what the host changed, and is not yet known to be seen.
type changes struct {
	names map[place]bool
	// unnamed: there is more.
	unnamed bool
}

func (c *changes) add(names []place) {
	c.unnamed = c.unnamed || names == nil || len(c.names)+len(names) > most
	for _, p := range names {
		if len(c.names) < most {
			c.names[p] = true
		}
	}
}

// look looks again after the host changed something, until the jail ends.
func (f *follower) look() {
	for last := (time.Time{}); ; {
		c := changes{names: map[place]bool{}}
		select {
		case <-f.end:
			return
		case names := <-f.news:
			c.add(names)
		}
		for i := 0; i < len(looks); i++ {
			more, ended := f.until(&c, max(looks[i], apart-time.Since(last)), i == 0)
			switch {
			case ended:
				return
			case more:
				i = -1
			case i == 0 || c.unnamed && i < blind || f.stale(c.names, i < blind):
				f.ask(&c)
				last = time.Now()
			}
		}
	}
}

// until waits for some time. The host's further changes are added; they end it,
// unless it is the first look's, which comes soon however long the host goes on.
func (f *follower) until(c *changes, d time.Duration, first bool) (more, ended bool) {
	due := time.NewTimer(d)
	defer due.Stop()
	for {
		select {
		case <-f.end:
			return false, true
		case names := <-f.news:
			if c.add(names); !first {
				return true, false
			}
		case <-due.C:
			return false, false
		}
	}
}

// ask has the kernel forget, until it has forgotten what changed.
func (f *follower) ask(c *changes) {
	for i := range tries {
		f.views.forget()
		if !f.stale(c.names, false) || !wait(time.Duration(i+1)*time.Millisecond, f.end) {
			return
		}
	}
}

// stale: of some names something else is seen than what there is. unsure is the
// answer where that cannot be told.
func (f *follower) stale(names map[place]bool, unsure bool) bool {
	for p := range names {
		switch f.compare(p) {
		case differs:
			return true
		case unknown:
			if unsure {
				return true
			}
		case same:
		}
	}
	return false
}

type comparison int

const (
	same comparison = iota
	differs
	unknown
)

// compare compares what is seen of a path with what the host has there.
func (f *follower) compare(p place) comparison {
	l := f.layers[p.layer]
	upper, err := stat(l.upper, p.rel)
	switch {
	case err == nil && upper.Mode&unix.S_IFMT != unix.S_IFDIR:
		return same // the layer's own
	case err == nil:
		return unknown // a folder of both
	}
	below, err1 := stat(l.lower, p.rel)
	seen, err2 := f.views.stat(p.layer, p.rel)
	switch {
	case err1 == nil && err2 == nil:
		// Numbers of inodes are others where the layer lies on another file system.
		if below.Mode == seen.Mode && below.Size == seen.Size && below.Mtim == seen.Mtim && below.Ctim == seen.Ctim {
			return same
		}
		return differs
	case missing(err1) && missing(err2):
		return same
	case missing(err1) && err2 == nil, err1 == nil && missing(err2):
		return differs
	}
	return unknown
}

func missing(err error) bool { return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) }

// inside is how paths in a layer and below are resolved: nothing in them leads out.
const inside = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV

func stat(dir int, rel string) (st unix.Stat_t, err error) {
	fd, err := unix.Openat2(dir, rel, &unix.OpenHow{Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: inside})
	if err != nil {
		return st, err
	}
	defer unix.Close(fd)
	err = unix.Fstat(fd, &st)
	return st, err
}

// lookedAt are the folders of a layer.
type lookedAt struct{ lower, upper int }

// copy has descriptors of its own.
func (l lookedAt) copy() lookedAt {
	l.lower, l.upper = duplicate(l.lower), duplicate(l.upper)
	return l
}

func (l lookedAt) close() {
	unix.Close(l.lower)
	unix.Close(l.upper)
}

func duplicate(fd int) int {
	n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1 // nothing can be opened by it
	}
	return n
}

// views are descriptors of the mounts of layers.
type views struct {
	mu     sync.Mutex
	mounts []int
}

// forget has the kernel look at the host's files again.
func (v *views) forget() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, mount := range v.mounts {
		fs, err := unix.Fspick(mount, "", unix.FSPICK_CLOEXEC|unix.FSPICK_EMPTY_PATH)
		if err == nil {
			_ = unix.FsconfigReconfigure(fs)
			unix.Close(fs)
		}
	}
}

// stat is what is seen in the layer of a number.
func (v *views) stat(number int, rel string) (unix.Stat_t, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if number >= len(v.mounts) {
		return unix.Stat_t{}, unix.ESTALE
	}
	return stat(v.mounts[number], rel)
}

// close gives the mounts up. Where one is in use in this moment that is done
// later, or by the kernel when this process ends: nobody waits for it.
func (v *views) close() {
	give := func() {
		defer v.mu.Unlock()
		if len(v.mounts) > 0 {
			later.Free(v.mounts...)
		}
		for _, fd := range v.mounts {
			unix.Close(fd)
		}
		v.mounts = nil
	}
	if v.mu.TryLock() {
		give()
		return
	}
	go func() {
		v.mu.Lock()
		give()
	}()
}
