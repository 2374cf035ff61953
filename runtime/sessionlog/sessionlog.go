package sessionlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/regular"
)

// Store is a folder of logs, in jailed-claude's own state, which no jail sees.
type Store struct {
	// Dir is the folder; it need not exist. Only Create makes it.
	Dir string
}

// In is the store in jailed-claude's state folder.
func In(state string) Store { return Store{Dir: filepath.Join(state, "log")} }

// keptLogs is how many sessions' logs are kept at least. Old ones are looked for
// only once there are more by spareLogs: that reads all of them.
const (
	keptLogs  = 100
	spareLogs = 50
)

// kind is that of a log's first line, which says whose log it is.
const kind = "session"

// header is that line.
type header struct {
	Time    time.Time `json:"time"`
	Kind    string    `json:"kind"`
	ID      string    `json:"id"`
	Project string    `json:"project"`
}

const suffix = ".jsonl"

// Create begins the log of a session and returns its descriptor, which crosses
// execve.
func (s Store) Create(id, project string) (int, error) {
	fail := func(err error) (int, error) {
		return 0, hint.Add(fmt.Errorf("create the session log: %w", err), "to use another folder, set XDG_STATE_HOME")
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return fail(err)
	}
	if err := s.drop(); err != nil {
		return fail(err)
	}
	file := filepath.Join(s.Dir, id+suffix)
	fd, err := unix.Open(file, unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return fail(&fs.PathError{Op: "open", Path: file, Err: err})
	}
	line, err := json.Marshal(header{time.Now().UTC(), kind, id, project})
	if err == nil {
		_, err = unix.Write(fd, append(line, '\n'))
	}
	if err != nil {
		_ = unix.Close(fd)
		return fail(err)
	}
	return fd, nil
}

// Session is one log.
type Session struct {
	ID    string
	file  string
	began time.Time
}

// sessions are all logs, the newest first.
func (s Store) sessions() ([]Session, error) {
	entries, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []Session
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), suffix)
		fi, err := e.Info()
		if !ok || err != nil || !fi.Mode().IsRegular() {
			continue
		}
		l := Session{ID: id, file: filepath.Join(s.Dir, e.Name()), began: fi.ModTime()}
		if first, err := firstLine(l.file); err == nil {
			l.began = first.Time
		}
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b Session) int { return b.began.Compare(a.began) })
	return all, nil
}

// drop makes room for one more.
func (s Store) drop() error {
	// O_DIRECTORY: a FIFO that somebody put in its place is not waited for.
	f, err := os.OpenFile(s.Dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	names, err := f.Readdirnames(-1)
	f.Close()
	if err != nil || len(names) < keptLogs+spareLogs {
		return err
	}
	all, err := s.sessions()
	if err != nil {
		return err
	}
	for _, l := range all[min(len(all), keptLogs-1):] {
		if err := os.Remove(l.file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// firstLine says whose log a file is.
func firstLine(file string) (header, error) {
	var l header
	f, err := regular.Open(file)
	if err != nil {
		return l, err
	}
	defer f.Close()
	err = json.NewDecoder(f).Decode(&l)
	if err == nil && l.Kind != kind {
		err = errors.New("not a session log")
	}
	return l, err
}
