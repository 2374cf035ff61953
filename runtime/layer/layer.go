package layer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	kept "github.com/jailed-claude/jailed-claude/bundle/layer"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// Layers are those of one jail.
type Layers struct {
	// mu is for Named, which others ask for while the jail runs.
	mu    sync.Mutex
	all   []*layer
	views views
	// follower is nil where there is no mount.
	follower *follower
	// began is before anything was mounted, as now has it.
	began int64
}

type layer struct {
	contract.Layer
	folders rootfs.Layer
	// lock is held as long as this process has the layer.
	lock *os.File
}

// Open opens and locks the folders of every layer among mounts. open opens a path
// of the host. The error of one that another jail has is kept.ErrBusy.
func Open(mounts []specs.Mount, open func(string) (int, error)) (*Layers, error) {
	ls := &Layers{began: now()}
	for _, m := range mounts {
		l, ok := contract.LayerOf(m)
		if !ok {
			continue
		}
		one := &layer{Layer: l, folders: rootfs.Layer{Lower: -1, Upper: -1, Work: -1}}
		ls.all = append(ls.all, one)
		if err := one.open(open); err != nil {
			ls.Close()
			return nil, fmt.Errorf("the layer over %s: %w", show.Visible(l.Lower), err)
		}
	}
	return ls, nil
}

func (l *layer) open(open func(string) (int, error)) error {
	lock, err := l.below(open, kept.LockName, unix.O_RDWR)
	if err != nil {
		return err
	}
	l.lock = os.NewFile(uintptr(lock), kept.LockName)
	if err := kept.Hold(l.lock); errors.Is(err, kept.ErrBusy) {
		return hint.Add(err, kept.BusyHints...)
	} else if err != nil {
		return err
	}
	for _, f := range []struct {
		to   *int
		path string
	}{{&l.folders.Lower, l.Lower}, {&l.folders.Upper, l.Upper}, {&l.folders.Work, l.Work}} {
		if *f.to, err = open(f.path); err != nil {
			return err
		}
	}
	return nil
}

// below opens a file in the folder of the layer.
func (l *layer) below(open func(string) (int, error), name string, flags int) (int, error) {
	dir, err := open(path.Dir(l.Upper))
	if err != nil {
		return -1, err
	}
	defer unix.Close(dir)
	fd, err := unix.Openat(dir, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: filepath.Join(path.Dir(l.Upper), name), Err: err}
	}
	return fd, nil
}

// Folders are what rootfs.Tree mounts; nil where there is no layer.
func (ls *Layers) Folders() map[string]rootfs.Layer {
	var m map[string]rootfs.Layer
	for _, l := range ls.all {
		if m == nil {
			m = map[string]rootfs.Layer{}
		}
		m[l.Lower] = l.folders
	}
	return m
}

// Keep takes over descriptors of the mounts. When a file system of a layer is
// given up, the kernel writes all that is not yet written of the whole disk that
// holds the upper folder (ovl_sync_fs): with them open it does so neither when
// PID 1 ends nor when this process does. From a second later on, what the host
// changes below is seen in them.
func (ls *Layers) Keep(mounts []int) {
	if len(mounts) == 0 {
		return
	}
	ls.views.mounts = mounts
	var at []lookedAt
	for _, l := range ls.all {
		at = append(at, lookedAt{lower: l.folders.Lower, upper: l.folders.Upper})
	}
	ls.follower = follow(at, &ls.views, ls.began)
}

// Close gives the layers up. Nothing of the jail may run any more.
func (ls *Layers) Close() {
	if ls == nil {
		return
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.follower != nil {
		ls.follower.stop()
		ls.follower = nil
	}
	ls.views.close()
	for _, l := range ls.all {
		for _, fd := range []int{l.folders.Lower, l.folders.Upper, l.folders.Work} {
			if fd >= 0 {
				unix.Close(fd)
			}
		}
		if l.lock != nil {
			l.lock.Close()
		}
	}
	ls.all = nil
}

// Named is the name of the project's layer, and the descriptors of all upper folders.
// The jail may run.
func (ls *Layers) Named() (name string, uppers []string) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, l := range ls.all {
		if dir := path.Dir(l.Upper); path.Base(dir) == contract.LayerFolder {
			name = contract.LayerName(dir)
		}
		uppers = append(uppers, strconv.Itoa(l.folders.Upper))
	}
	return name, uppers
}

// Report tells whether the layers hold something. It says what, a line for each
// project, but where somebody else will.
func (ls *Layers) Report(w io.Writer, others bool) (holds bool) {
	if ls == nil {
		return false
	}
	type project struct {
		dir, lower string
		held       kept.Held
	}
	var projects []*project
	of := map[string]*project{}
	for _, l := range ls.all {
		// That over a git directory lies in the folder of its project's.
		if dir := path.Dir(l.Upper); path.Base(dir) == contract.LayerFolder {
			of[dir] = &project{dir: dir, lower: l.Lower}
			projects = append(projects, of[dir])
		}
	}
	for _, l := range ls.all {
		h, err := kept.Look("/proc/self/fd/" + strconv.Itoa(l.folders.Upper))
		if err != nil {
			fmt.Fprintf(w, "jailed-claude: what the layer over %s holds cannot be seen: %v\n", show.Visible(l.Lower), err)
			continue
		}
		dir := path.Dir(l.Upper)
		p := of[dir]
		if p == nil {
			if p = of[path.Dir(path.Dir(dir))]; p == nil {
				continue
			}
			h = kept.Held{Git: !h.Empty()}
		}
		p.held.Files += h.Files
		p.held.Git = p.held.Git || h.Git
	}
	here, _ := os.Getwd()
	for _, p := range projects {
		if p.held.Empty() {
			continue
		}
		holds = true
		if others {
			break
		}
		what, named := "the layer", p.lower
		if len(projects) > 1 {
			what += " over " + show.Visible(p.lower)
		}
		if here == p.lower {
			named = ""
		}
		fmt.Fprintf(w, "jailed-claude: %s holds %s; %s\n", what, p.held, contract.ReviewCommand(p.dir, named))
	}
	return holds
}
