package watch

import (
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/gitindex"
)

const (
	// indexBytes bounds an index that is read; one of a million files has 100 MB.
	indexBytes = 512 << 20
	// textBytes bounds other files of git directories.
	textBytes = 1 << 20
	// gitDirectories bounds the repositories that are looked into, and the git
	// directories of submodules of one.
	gitDirectories = 4096
	// moduleDepth is how deep the latter are looked for: their names may have
	// slashes.
	moduleDepth = 8
)

// gitDirectory is what a git directory held when the jail was made.
type gitDirectory struct {
	// inner are git directories in it: of submodules, and of worktrees.
	inner map[string]bool
	// commands are lines of a rebase that execute something.
	commands map[string]bool
}

// gitState looks at the git directories of projects and of repositories in them.
func (w *Watch) gitState() {
	w.git = map[string]gitDirectory{}
	for project, nested := range w.repositories {
		for _, dir := range append([]string{project}, nested...) {
			for _, g := range w.gitDirs(dir) {
				w.git[g] = w.look(g)
			}
		}
	}
}

func (w *Watch) look(g string) gitDirectory {
	d := gitDirectory{inner: map[string]bool{}, commands: map[string]bool{}}
	w.modules(path.Join(g, "modules"), moduleDepth, d.inner)
	_, trees := w.list(path.Join(g, "worktrees"), func([]byte) bool { return false })
	for _, name := range trees {
		d.inner[path.Join(g, "worktrees", name)] = true
	}
	for _, name := range todoLists {
		for line := range strings.Lines(w.text(path.Join(g, name))) {
			if f := strings.Fields(line); len(f) > 1 && (f[0] == "exec" || f[0] == "x") {
				d.commands[name+"\n"+line] = true
			}
		}
	}
	return d
}

// todoLists are what "git rebase --continue" and its like go on with.
var todoLists = []string{"rebase-merge/git-rebase-todo", "sequencer/todo"}

// modules notes the git directories below a folder.
func (w *Watch) modules(dir string, depth int, into map[string]bool) {
	_, folders := w.list(dir, func([]byte) bool { return false })
	for _, name := range folders {
		m := path.Join(dir, name)
		switch {
		case len(into) >= gitDirectories:
			return
		case w.kind(path.Join(m, "HEAD")) != 0:
			into[m] = true
			w.modules(path.Join(m, "modules"), depth-1, into)
		case depth > 0:
			w.modules(m, depth-1, into)
		}
	}
}

// gitDirs are the git directory of a repository and, of a worktree, the common
// one: those in the jail.
func (w *Watch) gitDirs(dir string) (list []string) {
	g := path.Join(dir, ".git")
	switch w.kind(g) {
	case unix.S_IFDIR:
	case unix.S_IFREG:
		to, ok := strings.CutPrefix(w.text(g), "gitdir: ")
		if !ok {
			return nil
		}
		g = from(dir, to)
	case unix.S_IFLNK:
		to, err := w.readlink(g)
		if err != nil {
			return nil
		}
		g = from(dir, to)
	case 0:
		g = dir // a bare one
	}
	if w.kind(path.Join(g, "HEAD")) == 0 {
		return nil
	}
	list = append(list, g)
	if to := w.text(path.Join(g, "commondir")); to != "" {
		list = append(list, from(g, to))
	}
	return list
}

// from is a path that a file in dir names.
func from(dir, to string) string {
	to = strings.TrimRight(to, "\r\n")
	if path.IsAbs(to) {
		return path.Clean(to)
	}
	return path.Join(dir, to)
}

// Of these, what lay there before is not known.
const (
	moreRepositories = "one of more git repositories than are looked into"
	inSparse         = "one entry of git's sparse index, and there: git expands it, and enters repositories in it"
	inTodo           = "has commands that git rebase --continue executes"
)

// linked lists the repositories to which the indexes of a project lead, and that
// were neither there at the start nor found by the search: plain "git status"
// enters each, wherever it lies.
func (w *Watch) linked(project string, found []finding) []finding {
	known := map[string]bool{project: true}
	queue := append([]string{project}, w.repositories[project]...)
	for _, dir := range queue {
		known[dir] = true
	}
	for _, f := range found {
		if path.Base(f.path) == ".git" {
			queue = append(queue, path.Dir(f.path))
			known[path.Dir(f.path)] = f.why != inPassed // which says less than an index
		}
	}
	var list []finding
	for left := gitDirectories; len(queue) > 0; left-- {
		if left == 0 {
			list = append(list, finding{queue[0], moreRepositories})
			break
		}
		dir := queue[0]
		queue = queue[1:]
		gits := w.gitDirs(dir)
		if len(gits) == 0 {
			continue
		}
		links, folders, why := w.index(gits[0])
		if why != "" {
			list = append(list, finding{path.Join(gits[0], "index"), why})
		}
		for _, rel := range folders {
			if p := path.Join(dir, rel); w.kind(p) == unix.S_IFDIR {
				list = append(list, finding{p, inSparse})
			}
		}
		for _, rel := range links {
			p := path.Join(dir, rel)
			if !strings.HasPrefix(p, dir+"/") || known[p] || w.kind(path.Join(p, ".git")) == 0 {
				continue
			}
			known[p] = true
			queue = append(queue, p)
			list = append(list, finding{path.Join(p, ".git"), "a git repository that was not known at the start, and the index leads to it: git status enters it, and executes its hooks and configuration"})
		}
	}
	return list
}

// index reads the gitlinks of an index, and the folders that a sparse one has
// as one entry. why says what is wrong with one that cannot be read.
func (w *Watch) index(g string) (links, folders []string, why string) {
	const unread = "an index of git that cannot be read: git may enter repositories that are not found here"
	data, there, err := w.file(path.Join(g, "index"), indexBytes)
	if !there {
		return nil, nil, ""
	}
	if err != nil {
		return nil, nil, unread
	}
	size := w.nameSize(g)
	l, err := gitindex.Parse(data, size, nil)
	if err != nil {
		return nil, nil, unread
	}
	if l.Shared == "" || strings.Trim(l.Shared, "0") == "" {
		return l.Paths, l.Folders, ""
	}
	if data, _, err = w.file(path.Join(g, "sharedindex."+l.Shared), indexBytes); err != nil {
		return l.Paths, l.Folders, unread
	}
	// A gitlink without a name takes the place of any entry of the shared index.
	var every func(string)
	if l.Unnamed {
		every = func(name string) { l.Paths = append(l.Paths, name) }
	}
	s, err := gitindex.Parse(data, size, every)
	if err != nil {
		return l.Paths, l.Folders, unread
	}
	return append(l.Paths, s.Paths...), append(l.Folders, s.Folders...), ""
}

// nameSize is how long the names of objects are in an index.
func (w *Watch) nameSize(g string) int {
	// A worktree has the config of its repository.
	config := w.text(path.Join(g, "config"))
	if to := w.text(path.Join(g, "commondir")); to != "" {
		config = w.text(path.Join(from(g, to), "config"))
	}
	return gitindex.NameSize(config)
}

// newGitDirs lists what is new in git directories of the start and would be
// executed.
func (w *Watch) newGitDirs() (list []finding) {
	for g, was := range w.git {
		is := w.look(g)
		for inner := range is.inner {
			if was.inner[inner] {
				continue
			}
			if path.Dir(inner) != path.Join(g, "worktrees") {
				list = append(list, finding{inner, "a new git directory, as of a submodule: git executes its hooks and configuration"})
				continue
			}
			// That of a worktree has nothing to execute, unless it says so.
			if w.kind(path.Join(inner, "config.worktree")) != 0 {
				list = append(list, finding{path.Join(inner, "config.worktree"), "git config"})
			}
			if p := path.Join(inner, "commondir"); from(inner, w.text(p)) != g {
				list = append(list, finding{p, "names another folder as the repository of a worktree"})
			}
		}
		for line := range is.commands {
			name, _, _ := strings.Cut(line, "\n")
			f := finding{path.Join(g, name), inTodo}
			if !was.commands[line] && !slices.Contains(list, f) {
				list = append(list, f)
			}
		}
	}
	slices.SortFunc(list, func(a, b finding) int { return strings.Compare(a.path, b.path) })
	return list
}

// text is a small file, "" if there is none.
func (w *Watch) text(p string) string {
	data, _, err := w.file(p, textBytes)
	if err != nil {
		return ""
	}
	return string(data)
}

// file reads a regular file, to which no symlink leads. there: there is
// something, whatever it is.
func (w *Watch) file(p string, most int64) (data []byte, there bool, err error) {
	fd, err := w.Open(p, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return nil, w.kind(p) != 0, err
	}
	f := os.NewFile(uintptr(fd), p)
	defer f.Close()
	fi, err := f.Stat()
	if err != nil || !fi.Mode().IsRegular() || fi.Size() > most {
		return nil, true, unix.EFBIG
	}
	data = make([]byte, fi.Size())
	_, err = io.ReadFull(f, data)
	return data, true, err
}

// readlink is what a symlink says.
func (w *Watch) readlink(p string) (string, error) {
	fd, err := w.Open(path.Dir(p), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	return readlinkat(fd, path.Base(p))
}
