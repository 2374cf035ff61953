package search

import "slices"

const (
	// Depth is how deep below the project nested repositories are looked for:
	// the project's own entries have depth 1. Submodules are found at any
	// depth, by .gitmodules.
	Depth = 4
	// Folders is in how many folders they are looked for, the project
	// included.
	Folders = 4096
	// Passed is in how many of the folders that are passed over, or lie deeper,
	// repositories are looked for that git executes something in, when a jail has
	// ended.
	Passed = 32768
)

// BuildFolder is the folder of a Rust build. Others use the name too, so it is
// passed over only where it holds BuildTag (https://bford.info/cachedir/).
const (
	BuildFolder = "target"
	BuildTag    = "CACHEDIR.TAG"
)

// Skips tells whether a folder of that name is passed over: what tools put
// there is not the project's own, and there may be 200,000 files of it.
func Skips(name string) bool {
	switch name {
	case ".git", ".hg", ".svn", ".jj",
		"node_modules", "bower_components", ".pnpm-store",
		".venv", "venv", "__pycache__", ".tox", ".nox",
		".mypy_cache", ".pytest_cache", ".ruff_cache",
		".direnv", ".cache", ".gradle", ".terraform":
		return true
	}
	return false
}

// History tells whether a folder of that name, which is passed over, is that of a
// version control system.
func History(name string) bool {
	return name == ".git" || name == ".hg" || name == ".svn" || name == ".jj"
}

// Bare tells whether a folder that holds a file HEAD is a git repository, by the
// folders in it.
func Bare(folders []string) bool {
	return slices.Contains(folders, "objects") && slices.Contains(folders, "refs")
}
