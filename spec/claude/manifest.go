package claude

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/beneath"
	"github.com/jailed-claude/jailed-claude/spec/claude/folder"
	"github.com/jailed-claude/jailed-claude/spec/claude/object"
)

// PrivateDir is the private configuration in the state folder: ~/.claude in a
// jail.
const PrivateDir = "claude"

// manifestName is in the state folder, beside the private one: no jail has it.
const manifestName = "claude-seed.json"

// manifest remembers what the user knows of: what a first run was seeded with,
// and what was taken over or restored since.
type manifest struct {
	Version int `json:"version"`
	// Complete is false while a first run is being seeded. One that did not
	// come to its end is seeded again.
	Complete bool `json:"complete"`
	// Pieces by name, with the digest of each.
	Pieces map[string]string `json:"pieces"`
}

const manifestVersion = 1

// lockManifest keeps others from writing to a state folder, until it is closed,
// and loads what is known there; empty where there is nothing.
func lockManifest(state *os.File) (*manifest, error) {
	if err := unix.Flock(int(state.Fd()), unix.LOCK_EX); err != nil {
		return nil, fmt.Errorf("lock the state folder: %w", err)
	}
	m, err := loadManifest(state)
	if err != nil {
		return nil, err
	}
	if m == nil {
		m = &manifest{Complete: true}
	}
	if m.Pieces == nil {
		m.Pieces = map[string]string{}
	}
	return m, nil
}

// loadManifest is nil where there is none.
func loadManifest(state *os.File) (*manifest, error) {
	f, err := folder.Read(state, manifestName, folder.MaxGlobal)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", manifestName, err)
	}
	var m manifest
	if err := json.Unmarshal(f.Data, &m); err != nil {
		return nil, fmt.Errorf("read %s: %w", manifestName, object.Fault(err))
	}
	if m.Version != manifestVersion {
		return nil, fmt.Errorf("read %s: version %d is not known", manifestName, m.Version)
	}
	return &m, nil
}

func (m *manifest) save(state *os.File) error {
	m.Version = manifestVersion
	text, err := json.MarshalIndent(m, "", "\t")
	if err == nil {
		err = beneath.Replace(state, manifestName, append(text, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", manifestName, err)
	}
	return nil
}
