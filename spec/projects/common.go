package projects

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// commonName is the configuration that all projects shared in earlier versions.
const commonName = "claude"

// namedName is a file that says that the user knows of the common one.
const namedName = ".common-named"

// Common is the folder of the configuration that the jails of all projects
// shared in earlier versions. It may be missing.
func Common(stateDir string) string { return filepath.Join(stateDir, commonName) }

// FirstLookAtCommon reports once whether there is such a folder, and never
// again.
//
// Preconditions: Claim made the folder of all projects.
func FirstLookAtCommon(stateDir string) (bool, error) {
	entries, err := os.ReadDir(Common(stateDir))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("the configuration of all projects: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(stateDir, Folder, namedName), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("remember that the configuration of all projects was named: %w", err)
	}
	return true, f.Close()
}
