package main

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
)

// keptLogs is how many sessions' logs are kept at least. Old ones are looked for
// only once there are more by spareLogs: that reads all of them.
const (
	keptLogs  = 100
	spareLogs = 50
)

// sessionKind is the kind of a log's first line, which says whose log it is.
const sessionKind = "session"

// sessionLine is that line.
type sessionLine struct {
	Time    time.Time `json:"time"`
	Kind    string    `json:"kind"`
	ID      string    `json:"id"`
	Project string    `json:"project"`
}

const logSuffix = ".jsonl"

// logDir is where the logs are: in jailed-claude's own state, which no jail
// sees.
func logDir() string { return filepath.Join(xdg("XDG_STATE_HOME", ".local/state"), "log") }

func logFile(id string) string { return filepath.Join(logDir(), id+logSuffix) }

// openLog begins the log of a session and returns its descriptor, which crosses
// execve.
func openLog(id, project string) (int, error) {
	fail := func(err error) (int, error) {
		return 0, hint(fmt.Errorf("begin the session's log: %w", err), "XDG_STATE_HOME can name another place")
	}
	dir := logDir()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fail(err)
	}
	if err := dropLogs(dir); err != nil {
		return fail(err)
	}
	fd, err := unix.Open(logFile(id), unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return fail(&fs.PathError{Op: "open", Path: logFile(id), Err: err})
	}
	line, err := json.Marshal(sessionLine{time.Now().UTC(), sessionKind, id, project})
	if err == nil {
		_, err = unix.Write(fd, append(line, '\n'))
	}
	if err != nil {
		_ = unix.Close(fd)
		return fail(err)
	}
	return fd, nil
}

// session is one log.
type session struct {
	id, file string
	began    time.Time
}

// sessions are all logs, the newest first.
func sessions(dir string) ([]session, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []session
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), logSuffix)
		fi, err := e.Info()
		if !ok || err != nil || !fi.Mode().IsRegular() {
			continue
		}
		s := session{id: id, file: filepath.Join(dir, e.Name()), began: fi.ModTime()}
		if first, err := firstLine(s.file); err == nil {
			s.began = first.Time
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b session) int { return b.began.Compare(a.began) })
	return all, nil
}

// dropLogs makes room for one more.
func dropLogs(dir string) error {
	// O_DIRECTORY: a FIFO that somebody put in its place is not waited for.
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	names, err := f.Readdirnames(-1)
	f.Close()
	if err != nil || len(names) < keptLogs+spareLogs {
		return err
	}
	all, err := sessions(dir)
	if err != nil {
		return err
	}
	for _, s := range all[min(len(all), keptLogs-1):] {
		if err := os.Remove(s.file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// firstLine says whose log a file is.
func firstLine(file string) (sessionLine, error) {
	var l sessionLine
	f, err := openRegular(file)
	if err != nil {
		return l, err
	}
	defer f.Close()
	err = json.NewDecoder(f).Decode(&l)
	if err == nil && l.Kind != sessionKind {
		err = errors.New("no session's log")
	}
	return l, err
}
