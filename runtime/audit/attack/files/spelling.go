package files

import (
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// spellings are others of a name that some file system takes for the same: of
// ext4 and f2fs (chattr +F), FUSE, virtiofs, drvfs, vfat, NTFS, HFS+, ZFS.
func spellings(name string) []string {
	upper, lower := strings.ToUpper(name), strings.ToLower(name)
	first := strings.IndexFunc(name, func(r rune) bool { return r != '.' })
	if first < 0 || len(upper) != len(name) || name[first] >= utf8.RuneSelf {
		return []string{upper, lower}
	}
	short := strings.ToUpper(strings.ReplaceAll(name, ".", ""))
	return []string{
		upper, lower, name[:first] + upper[first:first+1] + lower[first+1:], name[:len(name)-1] + upper[len(name)-1:],
		"\u200c" + name, name[:first] + string(rune(name[first])+0xfee0) + name[first+1:],
		strings.NewReplacer("k", "\u212a", "s", "\u017f").Replace(name),
		name + ".", name + " ", name + "::$DATA", short[:min(len(short), 6)] + "~1",
	}
}

// respelled tries a path of the project with each component in turn spelled
// otherwise.
func respelled(e *attack.Env, p string, try func(p string) attack.Result) attack.Result {
	var rs []attack.Result
	for at := p; at != e.Facts.Project && attack.Within(at, e.Facts.Project); at = filepath.Dir(at) {
		dir, name := filepath.Split(at)
		here := attack.DirNames(dir)
		for _, other := range spellings(name) {
			// What is listed is a file of its own.
			if attack.Exists(dir+other) && !here[other] {
				rs = append(rs, try(dir+other+strings.TrimPrefix(p, at)))
			}
		}
	}
	if len(rs) == 0 {
		return attack.Inapplicable("names of the project have one spelling")
	}
	return attack.FirstThrough(rs...)
}

// changes opens a file for writing, or makes one in a folder.
func changes(e *attack.Env, p string) attack.Result {
	if fi, err := os.Stat(p); err != nil || !fi.IsDir() {
		return attack.Opens(p, os.O_WRONLY)
	}
	name := filepath.Join(p, e.Marked("file"))
	err := os.WriteFile(name, nil, 0o600)
	if err == nil {
		_ = os.Remove(name)
	}
	return attack.Unless(err, "%s takes new files", p)
}
