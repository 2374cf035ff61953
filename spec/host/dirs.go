package host

import (
	"os"
	"os/user"
	"path/filepath"
)

// ConfigDir is jailed-claude's own folder for configuration; it need not exist.
// Like StateDir and CacheDir it is known before Read, which needs a policy.
func ConfigDir() string { return ownDir("XDG_CONFIG_HOME", ".config") }

// StateDir is jailed-claude's own state.
func StateDir() string { return ownDir("XDG_STATE_HOME", ".local/state") }

// CacheDir is jailed-claude's own cache.
func CacheDir() string { return ownDir("XDG_CACHE_HOME", ".cache") }

// ownDir is jailed-claude's folder in one of the XDG base directories. A
// relative value is invalid and ignored (XDG Base Directory Specification).
func ownDir(variable, fallback string) string {
	dir := os.Getenv(variable)
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(homeDir(), fallback)
	}
	return filepath.Join(dir, "jailed-claude")
}

// homeDir is HOME or, where that is not set, what passwd(5) says. It is never a
// relative path: that would make the current folder's files the user's own
// policy. Without any home it does not exist; every jail is refused then.
func homeDir() string {
	if dir := os.Getenv("HOME"); filepath.IsAbs(dir) {
		return dir
	}
	if u, err := user.Current(); err == nil && filepath.IsAbs(u.HomeDir) {
		return u.HomeDir
	}
	return "/nonexistent"
}
