package git

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

// harmlessSections are sections of git-config(1) that say how git behaves and
// shows things. What in them names a program (Runs) or a file is not harmless.
var harmlessSections = []string{
	"advice", "am", "apply", "blame", "branch", "color", "column", "diff", "fetch", "format", "grep", "init", "log", "merge", "pretty",
	"pull", "push", "rebase", "rerere", "stash", "status", "versionsort",
}

// harmlessKeys are single ones of other sections.
var harmlessKeys = []string{
	"clone.defaultremotename", "commit.cleanup", "commit.status", "commit.verbose", "core.abbrev", "core.autocrlf", "core.commentchar", "core.eol",
	"core.quotepath", "core.safecrlf", "core.whitespace", "help.autocorrect", "submodule.recurse", "tag.sort",
}

// notHarmless are keys of harmlessSections that name a file, a key, a tool, a
// merge strategy (a program) or somebody else, or that sign or verify.
var notHarmless = []string{
	"blame.ignorerevsfile", "diff.orderfile", "diff.tool", "diff.guitool", "fetch.bundleuri", "format.signaturefile", "format.headers", "format.to", "format.cc",
	"format.from", "format.outputdirectory", "init.templatedir", "log.mailmap", "log.showsignature", "merge.tool", "merge.guitool", "pull.octopus", "pull.twohead",
	"push.gpgsign", "push.pushoption",
}

// lfs begins the variables of git-lfs's filter.
const lfs = "filter.lfs."

// harmless says whether the user's setting is one that a jail takes over.
func harmless(key string) bool {
	section, rest, ok := strings.Cut(key, ".")
	switch {
	case !ok:
		return false
	case section == "alias":
		return true // but for values that are programs: Taken
	case slices.Contains(harmlessKeys, key):
		return true
	case strings.Contains(rest, ".") && section != "color":
		return false // of a branch, a driver, a tool
	}
	return slices.Contains(harmlessSections, section) && !slices.Contains(notHarmless, key) && !Runs(key)
}

// Taken are the user's settings that a jail takes over, later ones last: those
// that only say how git behaves, aliases that run no program and hold no secret,
// and the filter of git-lfs as git-lfs itself installs it. The repository's own are not
// among them: a jail reads them where they are.
func Taken(settings []Setting) (list []Setting) {
	for _, s := range settings {
		switch {
		case s.Local || strings.ContainsRune(s.Value, 0):
		case strings.HasPrefix(s.Key, "alias."):
			if plainAlias(s.Value) {
				list = append(list, s)
			}
		case harmless(s.Key):
			list = append(list, s)
		case slices.Contains(lfsFilter, Setting{Key: s.Key, Value: s.Value}):
			list = append(list, s)
		}
	}
	return list
}

// plainAlias: an alias is a command of git's own with arguments. It runs no
// program ("!"), sets no variable before that ("-c http.extraHeader=…"), and has
// no URL or header, which can hold a token.
func plainAlias(value string) bool {
	value = strings.ToLower(strings.TrimLeft(value, " \t\n\v\f\r\"'\\"))
	return !strings.HasPrefix(value, "!") && !strings.HasPrefix(value, "-") && !strings.Contains(value, "://") && !strings.Contains(value, "extraheader")
}

// lfsFilter is what "git lfs install" writes.
var lfsFilter = []Setting{
	{Key: lfs + "clean", Value: "git-lfs clean -- %f"},
	{Key: lfs + "smudge", Value: "git-lfs smudge -- %f"},
	{Key: lfs + "process", Value: "git-lfs filter-process"},
	{Key: lfs + "required", Value: "true"},
}

// Inside reports whether a folder of a jail's PATH has git.
func Inside(path []string) bool { return source.OnPath(path, "git") }

// With leaves out the filter of git-lfs where no folder of PATH has git-lfs:
// git would refuse to check files out.
func With(settings []Setting, path []string) []Setting {
	isLFS := func(s Setting) bool { return strings.HasPrefix(s.Key, lfs) }
	if !slices.ContainsFunc(settings, isLFS) {
		return settings
	}
	if source.OnPath(path, "git-lfs") {
		return settings
	}
	return slices.DeleteFunc(slices.Clone(settings), isLFS)
}

// Last is the value of a variable that has one value; "" if it is not set.
func Last(settings []Setting, key string) (value string, local bool) {
	for _, s := range settings {
		if s.Key == key {
			value, local = s.Value, s.Local
		}
	}
	return value, local
}

// Shared are the permissions that git gives to others than the owner in a repository
// with core.sharedRepository, as bits of a mode.
func Shared(settings []Setting) uint32 {
	const group, all = 0o060, 0o064
	switch value, _ := Last(settings, "core.sharedrepository"); strings.ToLower(value) {
	case "", "umask", "false", "no", "off", "0":
		return 0
	case "group", "true", "yes", "on", "1":
		return group
	case "all", "world", "everybody", "2":
		return all
	default:
		mode, err := strconv.ParseUint(value, 8, 9)
		if err != nil {
			return 0
		}
		return uint32(mode) & 0o077
	}
}

// Safe are the folders for which the user has told git to trust a repository of
// somebody else, as far as they concern a project: safe.directory.
func Safe(settings []Setting, home, project string) (dirs []string) {
	for _, s := range settings {
		if s.Key != "safe.directory" || s.Local { // git does not read it there either
			continue
		}
		v := s.Value
		if rest, ok := strings.CutPrefix(v, "~/"); ok {
			v = filepath.Join(home, rest)
		}
		switch {
		case v == "":
			dirs = nil
		case v == "*":
			dirs = append(dirs, project)
		case filepath.IsAbs(v) && (paths.Below(project, filepath.Clean(v)) || paths.Below(v, project)):
			dirs = append(dirs, filepath.Clean(v))
		}
	}
	return dirs
}
