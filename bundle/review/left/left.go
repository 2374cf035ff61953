package left

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle/review/upper"
	"github.com/jailed-claude/jailed-claude/internal/beneath"
	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/internal/regular"
)

// Folder is where the files are, in the state of a project; dropped is in it.
const (
	Folder  = "left"
	dropped = "dropped"
)

// What was there before.
const (
	Nothing = "nothing"
	Kept    = "kept"
	Unknown = "unknown"
)

// Session is what one jail left.
type Session struct {
	ID string `json:"id"`
	// Project is where it ran: a worktree shares the state of its repository.
	Project string    `json:"project"`
	Ended   time.Time `json:"ended"`
	Items   []Item    `json:"items"`
}

// Item is one path of the host.
type Item struct {
	// Root is a folder that the jail could write, Path what lies in it.
	Root string `json:"root"`
	Path string `json:"path"`
	Why  string `json:"why"`
	// Was says what was there before: Nothing, Kept (Before, with Content of a file) or
	// Unknown.
	Was     string       `json:"was"`
	Before  *upper.State `json:"before,omitempty"`
	Content []byte       `json:"content,omitempty"`
	// After is what was there when the jail had ended.
	After *upper.State `json:"after,omitempty"`
	// Overlooked is the name of the entry, if Path is a git index that has one which
	// git was told to overlook.
	Overlooked string `json:"overlooked,omitempty"`
}

const (
	// mostItems bounds what a session leaves, mostSessions how many are kept.
	mostItems    = 1000
	mostSessions = 100
	// mostBytes is above what a session's file may have.
	mostBytes = 64 << 20
)

// Write keeps what a jail left, in the state of its project, which is open.
func Write(state int, s Session) error {
	if len(s.Items) == 0 {
		return nil
	}
	if more := len(s.Items) - mostItems; more > 0 {
		s.Items = s.Items[:mostItems]
	}
	if err := unix.Mkdirat(state, Folder, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
		return &os.PathError{Op: "mkdir", Path: Folder, Err: err}
	}
	fd, err := unix.Openat(state, Folder, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: Folder, Err: err}
	}
	dir := os.NewFile(uintptr(fd), Folder)
	defer dir.Close()
	if err := forget(dir); err != nil {
		return err
	}
	return s.write(dir)
}

func (s *Session) write(dir *os.File) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return beneath.Replace(dir, s.ID+suffix, text, 0o600)
}

const suffix = ".json"

// forget makes room for one more session.
func forget(dir *os.File) error {
	names, err := dir.Readdirnames(-1)
	if err != nil || len(names) < mostSessions {
		return err
	}
	type aged struct {
		name string
		at   int64
	}
	var all []aged
	for _, n := range names {
		var st unix.Stat_t
		if strings.HasSuffix(n, suffix) && unix.Fstatat(int(dir.Fd()), n, &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
			all = append(all, aged{n, st.Mtim.Nano()})
		}
	}
	slices.SortFunc(all, func(a, b aged) int { return int(b.at - a.at) })
	for _, a := range all[min(len(all), mostSessions-1):] {
		_ = unix.Unlinkat(int(dir.Fd()), a.name, 0)
	}
	return nil
}

// Read is what the jails of a project left, the oldest first. folder is that of the
// files; there may be none.
func Read(folder, project string) (all []Session, err error) {
	names, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		id, ok := strings.CutSuffix(n.Name(), suffix)
		if !ok || strings.HasPrefix(id, ".") {
			continue
		}
		s, err := read(filepath.Join(folder, n.Name()))
		if err != nil {
			return nil, fmt.Errorf("what the jail %s left: %w", id, err)
		}
		if s.ID == id && s.Project == project {
			all = append(all, s)
		}
	}
	slices.SortStableFunc(all, func(a, b Session) int { return a.Ended.Compare(b.Ended) })
	return all, nil
}

// Moved notes that a project lies elsewhere now.
func Moved(folder, from, to string) error {
	names, err := os.ReadDir(folder)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return err
	}
	there := func(p *string) {
		if paths.Below(*p, from) {
			*p = to + strings.TrimPrefix(*p, from)
		}
	}
	for _, n := range names {
		if !strings.HasSuffix(n.Name(), suffix) {
			continue
		}
		s, err := read(filepath.Join(folder, n.Name()))
		if err != nil {
			return fmt.Errorf("what the jail %s left: %w", strings.TrimSuffix(n.Name(), suffix), err)
		}
		there(&s.Project)
		for i := range s.Items {
			there(&s.Items[i].Root)
		}
		if err := s.Keep(folder); err != nil {
			return err
		}
	}
	return nil
}

func read(file string) (s Session, err error) {
	f, err := regular.Open(file)
	if err != nil {
		return s, err
	}
	defer f.Close()
	return s, json.NewDecoder(io.LimitReader(f, mostBytes)).Decode(&s)
}

// Keep writes anew what is left of a session.
func (s *Session) Keep(folder string) error {
	if len(s.Items) == 0 {
		return os.Remove(filepath.Join(folder, s.ID+suffix))
	}
	dir, err := beneath.Dir(folder)
	if err != nil {
		return err
	}
	defer dir.Close()
	return s.write(dir)
}
