package upper

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/beneath"
	"github.com/jailed-claude/jailed-claude/internal/paths"
)

// Change is one path that is not as it is below the layer.
type Change struct {
	// Path is relative to the project.
	Path string `json:"path"`
	// Old is what the host has, New what the layer has; nil for nothing.
	Old *State `json:"old,omitempty"`
	New *State `json:"new,omitempty"`
	// From is a deleted path that had the same content: a rename.
	From string `json:"from,omitempty"`
	// Files is how many files a deleted folder holds.
	Files int `json:"files,omitempty"`
	// Newest is the latest ctime on the host at and below the path.
	Newest int64 `json:"-"`
	// Unreadable says why the layer's or the host's side cannot be read.
	Unreadable string `json:"unreadable,omitempty"`
	// Unread: there was more to read than Options.Most.
	Unread bool `json:"-"`
	// Whiteout: the layer has a marker of a deletion at the path.
	Whiteout bool `json:"-"`
	// below are what a deleted folder holds, for renames and for Below.
	below []entry
}

type entry struct {
	path string
	s    *State
}

// Below calls see for the paths in a deleted folder.
func (c *Change) Below(see func(path string, s *State)) {
	for _, e := range c.below {
		see(e.path, e.s)
	}
}

// Dir is a folder in the upper folder.
type Dir struct {
	Path string
	Mode uint32
	// Opaque: what the host has in the folder is not seen through it.
	Opaque bool
}

// Held is what an upper folder holds.
type Held struct {
	// Changes are sorted: a folder comes before what is in it.
	Changes []*Change
	// Dirs are all folders there, sorted likewise.
	Dirs []Dir
	// Touched are files that are there and as on the host.
	Touched []string
}

// Options of Read.
type Options struct {
	// Skip says of a folder that it is not looked into.
	Skip func(path string) bool
	// Most is how many bytes of files are read, of all together; 0 means all. What
	// does not fit is taken for changed.
	Most int64
}

// Attributes that overlayfs gives with userxattr.
const (
	Prefix       = "user.overlay."
	opaqueName   = Prefix + "opaque"
	whiteoutName = Prefix + "whiteout"
	metacopy     = Prefix + "metacopy"
	redirect     = Prefix + "redirect"
)

// reader walks both sides.
type reader struct {
	Options
	upper, lower *os.File
	held         *Held
	// later are files that have to be compared by content.
	later []*Change
	// read is how much has been read, or will be.
	read int64
}

// fits: a file may be read.
func (r *reader) fits(s *State) bool {
	if s == nil || s.Kind != File || r.Most == 0 {
		return true
	}
	if s.Size > r.Most-r.read {
		return false
	}
	r.read += s.Size
	return true
}

// Read compares an upper folder with what is below it.
func Read(upper, lower *os.File, o Options) (*Held, error) {
	r := reader{Options: o, upper: upper, lower: lower, held: &Held{}}
	u, err := beneath.Open(upper, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer u.Close()
	l, err := beneath.Open(lower, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	if err := r.folder("", u, l); err != nil {
		return nil, err
	}
	r.compare()
	if r.Most == 0 {
		r.renames()
	}
	return r.held, nil
}

func (r *reader) add(c *Change) { r.held.Changes = append(r.held.Changes, c) }

// list has the names in a folder, sorted.
func list(d *os.File) ([]string, error) {
	names, err := d.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// attribute is an extended attribute of an opened file, or "".
func attribute(fd int, name string) string {
	var buf [16]byte
	n, err := unix.Fgetxattr(fd, name, buf[:])
	if err != nil || n <= 0 {
		return ""
	}
	return string(buf[:n])
}

// folder compares the folder that is open in u with l, which is nil where the
// host has no folder there, or none that shows.
func (r *reader) folder(rel string, u, l *os.File) error {
	names, err := list(u)
	if err != nil {
		return fmt.Errorf("read the layer at %q: %w", rel, err)
	}
	kind := attribute(int(u.Fd()), opaqueName)
	opaque := kind == "y"
	if opaque && l != nil {
		// What is below does not show: what is not here is deleted.
		below, err := list(l)
		if err != nil {
			return fmt.Errorf("read the project at %q: %w", rel, err)
		}
		for _, n := range below {
			if _, here := slices.BinarySearch(names, n); !here {
				if err := r.deleted(rel+n, int(l.Fd()), n, false); err != nil {
					return err
				}
			}
		}
	}
	for _, n := range names {
		if err := r.entry(rel, n, u, l, kind == "x"); err != nil {
			return err
		}
	}
	return nil
}

// entry compares one name of a folder.
func (r *reader) entry(rel, n string, u, l *os.File, marked bool) error {
	p := rel + n
	var st unix.Stat_t
	if err := unix.Fstatat(int(u.Fd()), n, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		if errors.Is(err, unix.ENOENT) {
			return nil
		}
		return fmt.Errorf("read the layer at %q: %w", p, err)
	}
	now := stateOf(&st)
	var old *State
	if l != nil {
		var err error
		if old, err = statAt(int(l.Fd()), n); err != nil {
			return fmt.Errorf("read the project at %q: %w", p, err)
		}
	}
	white := now.Kind == Device && st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0
	if marked && now.Kind == File && now.Size == 0 {
		white = white || r.has(p, whiteoutName)
	}
	if white {
		if old == nil {
			return nil
		}
		return r.deleted(p, int(l.Fd()), n, true)
	}
	c := &Change{Path: p, Old: old, New: now}
	if old != nil {
		c.Newest = old.Changed
		if old.Kind == Folder && now.Kind != Folder {
			r.tree(c)
		}
	}
	switch {
	case now.Kind == Folder:
		return r.sub(c, u, l, n)
	case now.Kind == File && r.has(p, metacopy):
		c.Unreadable = "its content is said to be elsewhere (metacopy)"
		r.add(c)
	case !now.Kind.Plain():
		r.add(c)
	default:
		r.later = append(r.later, c)
		r.add(c)
	}
	return nil
}

// has: a file of the layer has an attribute. An O_PATH descriptor has none.
func (r *reader) has(p, name string) bool {
	f, err := beneath.Open(r.upper, p, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	var buf [256]byte
	_, err = unix.Fgetxattr(int(f.Fd()), name, buf[:])
	return err == nil || errors.Is(err, unix.ERANGE)
}

// sub goes into a folder of the layer.
func (r *reader) sub(c *Change, u, l *os.File, n string) error {
	isNew := c.Old == nil || c.Old.Kind != Folder
	if isNew && c.Old != nil {
		if err := c.Old.read(r.lower, c.Path); err != nil {
			c.Unreadable = "in the project: " + err.Error()
		}
	}
	if isNew || c.Old.Mode&Permissions != c.New.Mode&Permissions {
		r.add(c)
	}
	if r.Skip != nil && r.Skip(c.Path) {
		return nil
	}
	sub, err := beneath.Open(u, n, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		c.Unreadable = err.Error()
		if !isNew && c.Old.Mode&Permissions == c.New.Mode&Permissions {
			r.add(c)
		}
		return nil
	}
	defer sub.Close()
	if attribute(int(sub.Fd()), redirect) != "" {
		return fmt.Errorf("the layer's folder %q has an attribute %s, which no jail of ours makes: nothing of this layer is read", c.Path, redirect)
	}
	r.held.Dirs = append(r.held.Dirs, Dir{Path: c.Path, Mode: c.New.Mode, Opaque: attribute(int(sub.Fd()), opaqueName) == "y"})
	var below *os.File
	if !isNew {
		if below, err = beneath.Open(l, n, unix.O_RDONLY|unix.O_DIRECTORY, 0); err != nil {
			return fmt.Errorf("read the project at %q: %w", c.Path, err)
		}
		defer below.Close()
	}
	return r.folder(c.Path+"/", sub, below)
}

// deleted adds what is gone from the host's folder.
func (r *reader) deleted(p string, dir int, n string, white bool) error {
	old, err := statAt(dir, n)
	if err != nil || old == nil {
		return err
	}
	c := &Change{Path: p, Old: old, Newest: old.Changed, Whiteout: white}
	if old.Kind == Folder {
		r.tree(c)
	} else if !r.fits(old) {
		c.Unread = true
	} else if err := old.read(r.lower, p); err != nil {
		c.Unreadable = err.Error()
	}
	r.add(c)
	return nil
}

// tree looks into a folder of the host that is gone in the layer.
func (r *reader) tree(c *Change) {
	var err error
	c.Old.Digest, c.Files, err = Tree(r.lower, c.Path, func(rel string, s *State) {
		c.Newest = max(c.Newest, s.Changed)
		c.below = append(c.below, entry{c.Path + "/" + rel, s})
	})
	if err != nil {
		c.Unreadable = err.Error()
	}
}

// compare reads the files of later, on all processors, and drops what is the
// same on both sides.
func (r *reader) compare() {
	work := make(chan *Change)
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for c := range work {
				if err := c.New.read(r.upper, c.Path); err != nil {
					c.Unreadable = "in the layer: " + err.Error()
				} else if c.Old != nil && (c.Old.Kind == File || c.Old.Kind == Symlink) {
					if err := c.Old.read(r.lower, c.Path); err != nil {
						c.Unreadable = "in the project: " + err.Error()
					}
				}
			}
		})
	}
	for _, c := range r.later {
		// In this order, whatever the workers do.
		if c.Unread = !r.fits(c.New) || !r.fits(c.Old); !c.Unread {
			work <- c
		}
	}
	close(work)
	wait.Wait()
	r.held.Changes = slices.DeleteFunc(r.held.Changes, func(c *Change) bool {
		if c.New == nil || c.New.Kind == Folder || c.Unread || c.Unreadable != "" || !c.New.Kind.Plain() || !c.New.Same(c.Old) {
			return false
		}
		r.held.Touched = append(r.held.Touched, c.Path)
		return true
	})
	slices.SortFunc(r.held.Changes, func(a, b *Change) int { return paths.Compare(a.Path, b.Path) })
}
