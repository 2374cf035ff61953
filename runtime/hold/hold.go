package hold

import (
	"fmt"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
)

// Hold knows what is mounted on paths that the host can replace.
type Hold struct {
	places []place
	// names are the last components of the places. An event of another name
	// costs nothing more.
	names map[string]bool
	// mounts is mountinfo(5) of the jail. poll(2) tells of changes.
	mounts int
	// wakes tells of names that come and go in the folders of the places;
	// writes tells of all that happens to them, and is read when there is
	// something to judge.
	wakes, writes *listener
	// byPath are the indexes of places.
	byPath map[string]int
	// lost: not all that happened to places is known.
	lost bool
	// judging: places that were covered again are not judged yet.
	judging bool
	// remembered is how many places were read.
	remembered int
	// later are descriptors to close when nothing is urgent.
	later []int
	// thread is the thread that holds.
	thread int
	// stop wakes the thread for the last time, and ended is closed then.
	stop  int
	ended chan struct{}
	// kill gets a value when the jail has to end, for the reason in fatal.
	kill  chan struct{}
	fatal string
	// incomplete says what could not be listened to.
	incomplete error
	// began is when everything was held.
	began time.Time
}

// place is a path of the jail, on which a mount lies that the start put there.
type place struct {
	path string
	// mount is what to mount. Nil: the path is hidden.
	mount *specs.Mount
	// above is the index of the innermost place that holds this one, or -1.
	above int
	// foreign: what is mounted there is not what lies there.
	foreign bool
	state   state
	// contents is what it held when it was last certain.
	contents contents
	judged
	history
}

type state int

const (
	covered state = iota
	gone          // nothing is there
	link          // a symlink is there: nothing can be mounted on one
	lost          // it lies below a place that is gone or a symlink
)

// history is what happened to a place.
type history struct {
	renewed int
	slowest time.Duration
	// unsure: what is there now may be of the jail's making.
	unsure bool
	// left: it was gone, or a symlink, at some time.
	left, symlink bool
	// linked: it got another name, by which it was changed.
	linked bool
}

// New lists what lies below a bind mount of the host's, where the host can
// replace it.
func New(s *specs.Spec) *Hold {
	h := &Hold{names: map[string]bool{}, byPath: map[string]int{}, mounts: -1, stop: -1, ended: make(chan struct{}), kill: make(chan struct{}, 1)}
	for i := range s.Mounts {
		m := &s.Mounts[i]
		on := holder(s.Mounts[:i], m.Destination)
		switch {
		case on == nil:
			continue
		case m.Type == "bind" && !readOnly(m) && readOnly(on):
			continue // losing it opens nothing
		}
		h.add(place{path: m.Destination, mount: m, foreign: m.Type == "bind" && m.Source != path.Join(on.Source, strings.TrimPrefix(m.Destination, on.Destination))})
	}
	if s.Linux != nil {
		for _, p := range s.Linux.MaskedPaths {
			if holder(s.Mounts, p) != nil {
				h.add(place{path: p})
			}
		}
	}
	return h
}

// add keeps the order in which the mounts are made: what holds others comes
// before them.
func (h *Hold) add(p place) {
	p.above = -1
	for i, o := range h.places {
		if o.path != p.path && paths.Below(p.path, o.path) && (p.above < 0 || len(o.path) > len(h.places[p.above].path)) {
			p.above = i
		}
	}
	h.byPath[p.path] = len(h.places)
	h.places = append(h.places, p)
	h.names[path.Base(p.path)] = true
}

// holder is the mount that p lies in, if that is a folder of the host.
func holder(mounts []specs.Mount, p string) *specs.Mount {
	var in *specs.Mount
	for i := range mounts {
		m := &mounts[i]
		if m.Destination != p && paths.Below(p, m.Destination) && (in == nil || len(m.Destination) >= len(in.Destination)) {
			in = m
		}
	}
	if in == nil || in.Type != "bind" {
		return nil
	}
	return in
}

func readOnly(m *specs.Mount) bool {
	for _, o := range m.Options {
		if o == "ro" || o == "rro" {
			return true
		}
	}
	return false
}

// Start begins to hold the mounts of a jail. There is a value in the channel
// when the jail has to end.
//
// Preconditions: all mounts are there.
func (h *Hold) Start(pid int) (<-chan struct{}, error) {
	if len(h.places) == 0 {
		return nil, nil
	}
	var err error
	// Of the host's /proc: the jail's does not show this process.
	if h.mounts, err = unix.Open("/proc/"+strconv.Itoa(pid)+"/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		return nil, fmt.Errorf("mounts of the jail: %w", err)
	}
	if h.stop, err = unix.Eventfd(0, unix.EFD_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	if h.wakes, err = listen(nameMask); err == nil {
		h.writes, err = listen(writeMask)
	}
	h.incomplete = err
	entered := make(chan error, 1)
	go func() {
		defer close(h.ended)
		// Never unlocked: the thread has another mount namespace and ends with
		// this.
		runtime.LockOSThread()
		h.thread = unix.Gettid()
		err := rootfs.Enter(pid)
		entered <- err
		if err == nil {
			h.run()
		}
	}()
	return h.kill, <-entered
}

// slice is the shortest time slice that the kernel takes, in nanoseconds.
const slice = 100_000

// Hurry has the thread run at once when it wakes up, where other programs keep
// the processors busy: of those that want to run, the one with the shortest slice
// goes first (EEVDF; Linux 6.12, and without effect before).
func (h *Hold) Hurry() {
	if h.thread == 0 {
		return
	}
	if attr, err := unix.SchedGetAttr(h.thread, 0); err == nil {
		attr.Runtime = slice
		_ = unix.SchedSetAttr(h.thread, attr, 0)
	}
}

// run waits for changes until it is told to stop.
func (h *Hold) run() {
	h.began = time.Now()
	h.check(time.Now())
	patience := printAfter
	for more := true; ; {
		fds := []unix.PollFd{{Fd: int32(h.stop), Events: unix.POLLIN}, {Fd: int32(h.mounts), Events: unix.POLLPRI}}
		if h.wakes != nil {
			fds = append(fds, unix.PollFd{Fd: int32(h.wakes.fd), Events: unix.POLLIN})
		}
		timeout := -1
		switch {
		case h.judging:
			timeout = int(graceEvery.Milliseconds())
		case more:
			timeout = int(patience.Milliseconds())
		}
		n, err := unix.Poll(fds, timeout)
		if err != nil && err != unix.EINTR {
			h.end("the mounts of the jail can no longer be watched: " + err.Error())
			return
		}
		since := time.Now()
		switch {
		case fds[0].Revents != 0:
			h.check(since)
			for end := time.Now().Add(grace); h.judging && h.fatal == "" && time.Now().Before(end); time.Sleep(graceEvery) {
				h.judging = h.judge(false)
			}
			h.judge(true)
			h.links()
			return
		case fds[1].Revents != 0:
			h.check(since)
		case len(fds) > 2 && fds[2].Revents != 0:
			if h.wakes.concern(h.names) {
				h.check(since)
			} else {
				h.hear() // or it overflows
			}
		case n == 0 && !h.judging:
			more, patience = h.remember(), 0
		}
		if h.judging {
			h.judging = h.judge(false)
		}
	}
}

// end has the jail ended, because of why.
func (h *Hold) end(why string) {
	if h.fatal != "" {
		return
	}
	h.fatal = why
	h.kill <- struct{}{}
}

// Stop takes a last look, and gives everything up.
func (h *Hold) Stop() {
	if h == nil || h.stop < 0 {
		return
	}
	_, _ = unix.Write(h.stop, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	<-h.ended
	for _, fd := range []int{h.stop, h.mounts} {
		_ = unix.Close(fd)
	}
	h.wakes.close()
	h.writes.close()
	h.stop = -1
}
