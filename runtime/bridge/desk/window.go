package desk

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/internal/program"
	"github.com/jailed-claude/jailed-claude/internal/regular"
	"github.com/jailed-claude/jailed-claude/runtime/bridge"
)

const (
	maxLock  = 64 << 10
	maxLocks = 100
)

// lock is what an editor's extension writes into PORT.lock. Its secret is in it,
// so nobody else may have written it.
type lock struct {
	Folders   []string `json:"workspaceFolders"`
	PID       int      `json:"pid"`
	Name      string   `json:"ideName"`
	Transport string   `json:"transport"`
	Token     string   `json:"authToken"`

	port   uint16
	folder string // the one that holds the project
	time   time.Time
}

var errNoWindow = errors.New("no window of an editor with Claude Code's extension has this project open")

// window is the one that has a project open: the caller's own terminal's, or else
// the one whose folder is closest, or else the newest.
func (h host) window(project string) (*bridge.Window, error) {
	dir := h.getenv("CLAUDE_CONFIG_DIR")
	if dir == "" {
		dir = filepath.Join(h.getenv("HOME"), ".claude")
	}
	dir, err := filepath.EvalSymlinks(filepath.Join(dir, "ide"))
	if err != nil || !filepath.IsAbs(dir) {
		return nil, errNoWindow
	}
	if program.In(dir, h.never) {
		return nil, fmt.Errorf("a jail can write to %s, where editors say how they are reached", dir)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.lock"))
	if err != nil || len(files) > maxLocks {
		return nil, errNoWindow
	}
	var open []lock
	for _, f := range files {
		if l, ok := readLock(f, project); ok {
			open = append(open, l)
		}
	}
	if len(open) == 0 {
		return nil, errNoWindow
	}
	own := h.getenv("CLAUDE_CODE_SSE_PORT")
	best := slices.MaxFunc(open, func(a, b lock) int {
		mine := func(l lock) int {
			if strconv.Itoa(int(l.port)) == own {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(mine(a), mine(b)), cmp.Compare(len(a.folder), len(b.folder)), a.time.Compare(b.time))
	})
	return &bridge.Window{Port: best.port, Token: best.Token, Name: best.Name}, nil
}

// readLock reads one of a window that has the project open.
func readLock(file, project string) (l lock, ok bool) {
	port, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(file), ".lock"), 10, 16)
	if err != nil || port == 0 {
		return l, false
	}
	if fi, err := os.Lstat(file); err != nil || !fi.Mode().IsRegular() {
		return l, false // of a link, somebody else may write what it leads to
	}
	f, err := regular.Open(file)
	if err != nil {
		return l, false
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || !mine(st) || st.Mode().Perm()&0o022 != 0 || st.Size() > maxLock {
		return l, false
	}
	text, err := io.ReadAll(io.LimitReader(f, maxLock))
	if err != nil || json.Unmarshal(text, &l) != nil || l.Transport != "ws" {
		return l, false
	}
	if l.Token == "" || strings.ContainsFunc(l.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return l, false
	}
	if p, err := os.Stat("/proc/" + strconv.Itoa(l.PID)); l.PID > 0 && (err != nil || !mine(p)) {
		return l, false // it has ended, and somebody else may have its port
	}
	l.port, l.time = uint16(port), st.ModTime()
	for _, folder := range l.Folders {
		at, err := filepath.EvalSymlinks(folder)
		if err == nil && filepath.IsAbs(at) && paths.Below(project, at) && len(at) > len(l.folder) {
			l.folder = at
		}
	}
	return l, l.folder != ""
}

func mine(fi fs.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

// real reports a symlink on the way to a path, of which the last part may not be
// there.
func real(p string) error {
	at, err := filepath.EvalSymlinks(p)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(p); err == nil {
			return errors.New("a symlink that leads nowhere")
		}
		at, err = filepath.EvalSymlinks(filepath.Dir(p))
		at = filepath.Join(at, filepath.Base(p))
		if err != nil {
			return errors.New("there is no such folder")
		}
	}
	if err != nil && at != p || at != p {
		return errors.New("a symlink is on the way to it")
	}
	return nil
}
