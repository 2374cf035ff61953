package session

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/announcement"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
)

// Status is what a jail does, as it was when it was listed.
type Status struct {
	// Network is its mode.
	Network string `json:"network"`
	// Refused is how many destinations were refused.
	Refused int `json:"refused"`
	// State is what the agent seems to do; empty of a jail without a terminal.
	State string `json:"state,omitempty"`
	// Detached: it was started with --detach, and Viewers are attached.
	Detached bool `json:"detached,omitempty"`
	Viewers  int  `json:"viewers,omitempty"`
	// LayerName is the name of its layer, if that has one.
	LayerName string `json:"layer_name,omitempty"`
	// Layer says whether a layer holds changes: LayerEmpty or LayerChanged; empty of
	// a jail without one.
	Layer string `json:"layer,omitempty"`
}

// States of an agent, as its terminal shows them.
const (
	Working = "working"
	Waits   = "waits" // for its user, whom it has called
	Idle    = "idle"
)

// What a layer holds.
const (
	LayerEmpty   = "empty"
	LayerChanged = "changed"
)

// busy is how long after its last output a program counts as working: what works
// shows that it does, several times a second.
const busy = 2 * time.Second

// statusOf is what a jail said when it was listed; nil where it is starting or
// ending.
func statusOf(j launch.Running) *Status {
	seen := j.Seen
	if seen.Constant == nil {
		return nil
	}
	s := &Status{Network: seen.Network, Refused: seen.Refused, Detached: seen.Detached, Viewers: seen.Viewers, LayerName: seen.LayerName}
	if seen.Terminal {
		s.State = state(&seen)
	}
	for _, fd := range seen.Layers {
		changed, err := holds("/proc/" + strconv.Itoa(j.PID) + "/fd/" + fd)
		if err != nil {
			continue // the jail has ended
		}
		if changed {
			s.Layer = LayerChanged
			break
		}
		s.Layer = LayerEmpty
	}
	return s
}

// state is what the program at a terminal seems to do.
func state(s *announcement.Seen) string {
	typed := func(at time.Duration) bool { return s.Typed >= 0 && s.Typed <= at } // since then
	switch {
	case s.Shown >= 0 && s.Shown < busy && !typed(s.Shown):
		return Working
	case s.Called >= 0 && !typed(s.Called):
		return Waits
	}
	return Idle
}

// maxFolders of a layer are looked into, and of each no more names are read: a list
// does not take long, whatever a jail does.
const maxFolders = 200

// holds tells whether an upper folder holds anything but folders, while the jail may
// change it: no link that is put there leads out of it. More folders than are looked
// into are a change as well.
func holds(upper string) (bool, error) {
	root, err := os.OpenRoot(upper)
	if err != nil {
		return false, err
	}
	defer root.Close()
	folders := []string{"."}
	for i := 0; i < len(folders); i++ {
		names, err := foldersIn(root, folders[i])
		if errors.Is(err, fs.ErrNotExist) {
			continue // not any more
		}
		for _, name := range names {
			folders = append(folders, path.Join(folders[i], name))
		}
		if err != nil || len(folders) > maxFolders {
			return true, nil
		}
	}
	return false, nil
}

// errHolds: there is something else than a folder.
var errHolds = errors.New("it holds a change")

// foldersIn are the names of some of the folders in one; an error if anything else is
// seen there.
func foldersIn(root *os.Root, dir string) (names []string, err error) {
	f, err := root.OpenFile(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(maxFolders + 1)
	for _, e := range entries {
		if !e.IsDir() {
			return nil, errHolds
		}
		names = append(names, e.Name())
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return names, err
}
