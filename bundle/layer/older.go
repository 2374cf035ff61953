package layer

import (
	"encoding/json"
	"os"
	"path/filepath"
)

const olderName = "since.json"

// Older are the times of paths that stayed in the layer when it got a new base.
func (d Dir) Older() map[string]int64 {
	older := map[string]int64{}
	if text, err := os.ReadFile(filepath.Join(string(d), olderName)); err == nil {
		_ = json.Unmarshal(text, &older) // of our own making; nothing is a safe answer
	}
	return older
}

// SetOlder notes them.
//
// Preconditions: the caller has the lock.
func (d Dir) SetOlder(older map[string]int64) error {
	name := filepath.Join(string(d), olderName)
	if len(older) == 0 {
		err := os.Remove(name)
		if os.IsNotExist(err) {
			err = nil
		}
		return err
	}
	text, err := json.Marshal(older)
	if err != nil {
		return err
	}
	if err := os.WriteFile(name+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}
