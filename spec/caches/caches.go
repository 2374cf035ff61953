// Package caches says where package managers keep what they fetched, so that a
// folder of a project's own can hold it.
//
// What does not belong here: that folder on the host (package projects), and how
// it is mounted (package spec).
package caches

import (
	"path"
	"slices"

	"github.com/jailed-claude/jailed-claude/internal/paths"
)

// Folders are mounted at their own paths, below the home: projects and what is
// built in them name what lies there (a virtual environment its Python, pnpm and
// yarn their store, cargo its sources), also outside of a jail.
func Folders() []string {
	return []string{".cache", ".cargo/git", ".cargo/registry", ".local/share/pnpm", ".local/share/uv", ".yarn/berry"}
}

// Moved is a cache that a variable moves into the first of Folders.
type Moved struct {
	// Variable has the value Prefix and a folder: Path, below the first folder.
	Variable, Prefix, Path string
	// Default is where it is otherwise, below the home.
	Default string
}

// prefix is the one that is no cache.
const prefix = "npm_config_prefix"

// globalConfig says where npm's settings for everybody are, which it would else look
// for below Prefix.
const globalConfig = "npm_config_globalconfig"

// All are those that are moved. pip, uv, Playwright, yarn 1, deno, composer and
// Go's build cache are in the first folder by themselves.
func All() []Moved {
	return []Moved{
		{Variable: "npm_config_cache", Path: "npm", Default: ".npm"},
		// What "npm install -g" installs: the system's prefix is read-only.
		{Variable: prefix, Path: "npm-global", Default: ".npm-global"},
		{Variable: "BUN_INSTALL_CACHE_DIR", Path: "bun", Default: ".bun"},
		{Variable: "GOMODCACHE", Path: "go-mod", Default: "go"},
		{Variable: "GRADLE_USER_HOME", Path: "gradle", Default: ".gradle"},
		{Variable: "MAVEN_OPTS", Prefix: "-Dmaven.repo.local=", Path: "maven", Default: ".m2"},
	}
}

// Variables lead the caches that are moved to their place, unless one is granted
// or passed. Without private ones it is Prefix alone. npmrc is the file of npm's
// settings for everybody, empty for none.
func Variables(home, npmrc string, granted, passed []string, private bool) map[string]string {
	vars := map[string]string{}
	for _, m := range All() {
		usual := path.Join(home, m.Default)
		if (private || m.Variable == prefix) && !slices.Contains(passed, m.Variable) &&
			!slices.ContainsFunc(granted, func(p string) bool { return paths.Below(p, usual) || paths.Below(usual, p) }) {
			vars[m.Variable] = m.Prefix + path.Join(home, Folders()[0], m.Path)
		}
	}
	if vars[prefix] != "" && npmrc != "" && !slices.Contains(passed, globalConfig) {
		vars[globalConfig] = npmrc
	}
	return vars
}

// Bins are the folders into which package managers install programs for their
// user.
func Bins(home string) []string {
	bins := []string{".local/bin", ".cache/npm-global/bin", ".cargo/bin", "go/bin"}
	for i, b := range bins {
		bins[i] = path.Join(home, b)
	}
	return bins
}
