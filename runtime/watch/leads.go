package watch

import (
	"fmt"
	"path"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/entries"
)

// leads lists symlinks that are new where programs of the host write by themselves:
// git its messages, logs and refs, Mercurial and others the like. What they write
// follows the link, to wherever the caller may write, and the agent has a part in
// it: MERGE_MSG is in the next COMMIT_EDITMSG, names of branches are in logs.
func (w *Watch) leads() (list []finding) {
	left := gitDirectories
	for g := range w.git {
		list = append(list, w.symlinks(g, true, &left)...)
	}
	for project := range w.repositories {
		for _, other := range []string{".hg", ".jj", ".svn"} {
			list = append(list, w.symlinks(path.Join(project, other), false, &left)...)
		}
	}
	return list
}

// symlinks lists new symlinks in a folder, and in those below it.
func (w *Watch) symlinks(dir string, below bool, left *int) (list []finding) {
	fd, err := w.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	*left--
	var links, folders []string
	_ = entries.Each(fd, make([]byte, 4096), func(name []byte, kind byte) bool {
		switch {
		case kind == unix.DT_LNK || kind == unix.DT_UNKNOWN && w.kind(path.Join(dir, string(name))) == unix.S_IFLNK:
			links = append(links, path.Join(dir, string(name)))
		case kind == unix.DT_DIR || kind == unix.DT_UNKNOWN && entries.IsFolder(fd, string(name)):
			folders = append(folders, string(name))
		}
		return true
	})
	for _, p := range links {
		if w.recent(p) {
			list = append(list, finding{p, w.leadsTo(p)})
		}
	}
	// Names in there are of git's choice.
	_, git := w.git[path.Dir(dir)]
	below = below && (!git || path.Base(dir) != "objects")
	for _, name := range folders {
		if !below || *left <= 0 || w.clock.Idle(fd, name) {
			continue
		}
		list = append(list, w.symlinks(path.Join(dir, name), true, left)...)
	}
	return list
}

// leadsTo says what is wrong with a symlink.
func (w *Watch) leadsTo(p string) string {
	target, err := w.readlink(p)
	if err != nil {
		target = "?"
	}
	return fmt.Sprintf("a symlink to %q: what programs of the host write there goes to that file", target)
}
