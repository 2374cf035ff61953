package claude

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/jailed-claude/jailed-claude/internal/beneath"
)

// Reset removes the private configuration, so that the next run is a first
// run. What was seeded is forgotten last: a reset that did not come to its end
// can be repeated.
func Reset(state string) error {
	root, err := beneath.Root(state)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	defer root.Close()
	if err := root.RemoveAll(PrivateDir); err != nil {
		return fmt.Errorf("remove %s: %w", PrivateDir, err)
	}
	if err := root.Remove(manifestName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", manifestName, err)
	}
	return nil
}
