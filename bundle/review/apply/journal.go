package apply

import (
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle/layer"
	"github.com/jailed-claude/jailed-claude/bundle/review/upper"
	"github.com/jailed-claude/jailed-claude/internal/beneath"
)

// Op is what is done to one path.
type Op struct {
	Path string `json:"path"`
	// Old is what the host has before, New what it has afterwards; nil is nothing.
	Old *upper.State `json:"old,omitempty"`
	New *upper.State `json:"new,omitempty"`
	// Made: the content is not the layer's, but was put there by Work.Made.
	Made bool `json:"made,omitempty"`
	// Meaning is what an index of git says: git writes it anew with other times, and
	// then it still is what was applied, or with Before what was there. Both are from
	// the function Meaning.
	Meaning string `json:"meaning,omitempty"`
	Before  string `json:"before,omitempty"`
	// Stay: the layer keeps its version, since not all of it was applied.
	Stay bool `json:"stay,omitempty"`
	// Last: it comes after the refs, and only if all of them were updated.
	Last bool `json:"last,omitempty"`
}

// Ref is a ref that is moved; an empty name of an object is none.
type Ref struct {
	Name string `json:"name"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
	// Steps are objects that it stands for in between, the oldest first, each with
	// a message: the stash is the history of one ref.
	Steps []Entry `json:"steps,omitempty"`
}

// Entry is one line of a ref's history.
type Entry struct {
	Object  string `json:"object"`
	Message string `json:"message"`
}

// Journal is what is to be done, written down before it is.
type Journal struct {
	Version int `json:"version"`
	// Project is the folder that is written.
	Project string `json:"project"`
	Ops     []Op   `json:"ops"`
	Refs    []Ref  `json:"refs,omitempty"`
	// Dirs are the folders that the upper folder had, and Drop files in it that are
	// as on the host.
	Dirs []upper.Dir `json:"dirs,omitempty"`
	Drop []string    `json:"drop,omitempty"`
	// Closed are folders of the host that their owner may not write, and in which, or
	// with which, something is done.
	Closed []upper.Dir `json:"closed,omitempty"`
	// Take are paths that leave the upper folder when all else is done, with what is
	// in them.
	Take []string `json:"take,omitempty"`
	// Beside: the layer is on another file system, so that files are copied to a
	// folder of this name in the project first.
	Beside string `json:"beside,omitempty"`
	// Back: it is being taken back.
	Back bool `json:"back,omitempty"`
	// Number is the same in journals of one Set that belong together, With says which
	// works have one. A later one has a larger number.
	Number int      `json:"number,omitempty"`
	With   []string `json:"with,omitempty"`
}

const (
	version = 1
	// running is the folder of a journal that is being worked on, done that of the
	// last one that is finished.
	running   = "apply" // of the journal of a layer
	done      = "applied"
	file      = "journal.json"
	temporary = "journal.new"

	maxJournal = 1 << 30
)

// ErrNone is returned where there is no journal to finish or to take back.
var ErrNone = errors.New("nothing was applied from this layer")

// Unfinished says whether a journal in a layer's folder waits to be finished.
func Unfinished(dir string) bool { return layer.Dir(dir).Unfinished() }

// readJournal reads the journal in the folder that is open.
func (w *Work) readJournal() error {
	w.j = Journal{}
	text, _, err := beneath.Read(w.slots, file, maxJournal)
	if err == nil {
		err = json.Unmarshal(text, &w.j)
	}
	if err == nil && w.j.Version != version {
		err = fmt.Errorf("version %d is not known", w.j.Version)
	}
	if err != nil {
		return fmt.Errorf("the journal in %q: %w", w.Layer, err)
	}
	return nil
}

// writeJournal writes it whole or not at all, and waits until the disk has it.
func (w *Work) writeJournal() error {
	text, err := json.Marshal(w.j)
	if err != nil {
		return err
	}
	_ = unix.Unlinkat(int(w.slots.Fd()), temporary, 0)
	if err = beneath.Create(w.slots, temporary, text, 0o600); err == nil {
		err = unix.Renameat(int(w.slots.Fd()), temporary, int(w.slots.Fd()), file)
	}
	if err == nil {
		err = w.slots.Sync()
	}
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}
